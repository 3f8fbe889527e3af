"""Labels in a space: those that would touch as it is first seen are left to the pointer."""

import numpy as np

from kaomoji_lib import spaces


def test_labels_that_would_touch_are_left_out_and_others_stand():
    far = np.array([[0.0, 0, 0], [10, 0, 0], [0, 0, 10], [10, 0, 10]])
    assert spaces.apart(far, [0, 1, 2, 3]) == [0, 1, 2, 3]
    near = np.vstack([far, far + 0.1])
    assert spaces.apart(near, [0, 4, 1, 5, 2, 6, 3, 7]) == [0, 1, 2, 3]


def test_what_lies_behind_another_on_the_line_of_sight_touches_it():
    eye = np.array([spaces.EYE[name] - spaces.CENTRE[name] for name in "xyz"])
    points = np.array([[0.0, 0, 0], eye, [3, 0, 0], [-3, 0, 0]])
    assert spaces.apart(points, [0, 1, 2, 3]) == [0, 2, 3]
