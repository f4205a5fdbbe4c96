"""What the workers of `test_worker_pool` do: imported by their own processes."""

import os
import time


def job(task):
    if task == "raise":
        raise ValueError("no\nsuch molecule")
    if task == "die":
        os._exit(7)
    if task == "hang":
        time.sleep(600)
    if task == "left out":
        return False, "a reason"
    return True, (task, os.environ["OMP_NUM_THREADS"])
