/* One spectrum through a transferred calibration. C99, needs math.h (-lm).

     spektron_result r;
     if (spektron_predict(axis, spectrum, points, &r) == SPEKTRON_OK) use(r.value);

   Every other return value means: no prediction; all numbers of r are then NaN.
   Compile without -ffast-math, which takes NaN for a number. */
#include <math.h>
#include <stddef.h>

enum {
  SPEKTRON_OK = 0,
  SPEKTRON_WRONG_LENGTH = 1, /* another number of points */
  SPEKTRON_WRONG_AXIS = 2,   /* a position is not the calibration's */
  SPEKTRON_NOT_FINITE = 3    /* a value is missing, infinite or absurd */
};
enum {
  SPEKTRON_IN_DOMAIN = 0,
  SPEKTRON_EXTRAPOLATING = 1,
  SPEKTRON_UNLIKE = 2,    /* do not use the value */
  SPEKTRON_NOT_KNOWN = -1 /* the calibration has no limits of T2 and Q */
};
typedef struct {
  double value, low, high; /* prediction and its interval */
  double t2, q;            /* over their limits */
  int flag;
} spektron_result;

/*NUMBERS*/

static double spektron_square(double x) { return x * x; }

int spektron_predict(const double *axis, const double *spectrum, size_t points,
                     spektron_result *r) {
  static const spektron_result nothing = {NAN, NAN, NAN, NAN, NAN, SPEKTRON_NOT_KNOWN};
  double z[SPEKTRON_L], value, half, h;
  size_t i, j, k = 0;
  (void)k;
  *r = nothing;
  if (points != SPEKTRON_Q) return SPEKTRON_WRONG_LENGTH;
  for (i = 0; i < SPEKTRON_Q; i++)
    if (!(fabs(axis[i] - spektron_axis[i]) <= SPEKTRON_TOLERANCE))
      return SPEKTRON_WRONG_AXIS;
  for (i = 0; i < SPEKTRON_Q; i++)
    if (!(fabs(spectrum[i]) <= SPEKTRON_LARGEST)) return SPEKTRON_NOT_FINITE;
  value = SPEKTRON_INTERCEPT;
  for (i = 0; i < SPEKTRON_Q; i++) value += spektron_raw[i] * spectrum[i];
#if SPEKTRON_W
  for (j = 0; j < SPEKTRON_L; j++) {
    z[j] = 0;
    for (k = 0; k < SPEKTRON_W; k++)
      z[j] += spektron_weights[j][k] * spectrum[spektron_first[j] + k];
    z[j] += spektron_constant[j];
  }
#else
  for (j = 0; j < SPEKTRON_L; j++) z[j] = spectrum[j];
#endif
#if SPEKTRON_SNV
  {
    double mean = 0, squares = 0, sum = SPEKTRON_SNV_CONSTANT, sd;
    for (j = 0; j < SPEKTRON_L; j++) mean += z[j];
    mean /= SPEKTRON_L;
    for (j = 0; j < SPEKTRON_L; j++) squares += spektron_square(z[j] - mean);
    sd = sqrt(squares / (SPEKTRON_L - 1));
    for (i = 0; i < SPEKTRON_Q; i++) sum += spektron_snv[i] * spectrum[i];
    value += sum / (sd > 0 ? sd : 1);
  }
#endif
#if SPEKTRON_AXES
  h = SPEKTRON_FLOOR;
  for (k = 0; k < SPEKTRON_AXES; k++) {
    double sum = 0;
    for (j = 0; j < SPEKTRON_L; j++)
      sum += spektron_axes[k][j] * (z[j] - spektron_centre[j]);
    h += spektron_square(sum);
  }
  half = SPEKTRON_SCALE * sqrt(sqrt(h));
#else
  (void)h;
  half = SPEKTRON_HALF;
#endif
  if (!isfinite(value) || !isfinite(half)) return SPEKTRON_NOT_FINITE;
#if SPEKTRON_COMPONENTS
  {
    double t2 = 0, q = 0;
    for (j = 0; j < SPEKTRON_L; j++) q += spektron_square(z[j] - spektron_mean[j]);
    for (k = 0; k < SPEKTRON_COMPONENTS; k++) {
      double score = 0;
      for (j = 0; j < SPEKTRON_L; j++)
        score += spektron_loadings[k][j] * (z[j] - spektron_mean[j]);
      t2 += spektron_square(score) / spektron_variances[k];
      q -= spektron_square(score);
    }
    r->t2 = t2 / SPEKTRON_T2_LIMIT;
    r->q = (q > 0 ? q : 0) / SPEKTRON_Q_LIMIT;
    r->flag = r->q > SPEKTRON_UNLIKE_FACTOR   ? SPEKTRON_UNLIKE
              : r->t2 <= 1 && r->q <= 1 ? SPEKTRON_IN_DOMAIN
                                        : SPEKTRON_EXTRAPOLATING;
#if SPEKTRON_ENDS
    if (r->flag == SPEKTRON_UNLIKE)
      value = fmin(fmax(value, SPEKTRON_LOWEST), SPEKTRON_HIGHEST);
#endif
  }
#endif
  r->value = value;
  r->low = value - half;
  r->high = value + half;
  return SPEKTRON_OK;
}
