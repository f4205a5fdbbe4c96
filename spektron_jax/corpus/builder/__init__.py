"""Line lists of molecules: GFN2-xTB or QM9S files in, format "spektron-lines" out."""
