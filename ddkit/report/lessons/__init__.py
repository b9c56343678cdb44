"""What each lesson adds to the report: its tables, figures and sentences, question by question."""

from collections.abc import Callable

from ddkit.report.lessons import applications, task_1, task_2, task_3

# Lessons 1 to 4 take both data sets, the others the first.
LESSONS: dict[int, Callable] = {
    1: task_1.full_data, 2: task_1.distillation, 3: task_1.images, 4: task_1.training, 5: applications.continual,
    6: task_2.trajectories, 7: task_2.kernels, 8: task_3.lossless, 9: applications.search}
