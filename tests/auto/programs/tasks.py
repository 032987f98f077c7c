"""A Celery application over files in the current directory, with a task that makes a call and leaves a file behind."""

import os
from pathlib import Path

from ask import ask
from celery import Celery

if os.environ.get("EARLY"):
    import openai  # noqa: F401

HERE = Path.cwd()
FOLDERS = {name: str(HERE / "queue") for name in ("data_folder_in", "data_folder_out", "control_folder")}

app = Celery("tasks", broker="filesystem://", broker_transport_options=FOLDERS)


@app.task
def question(number):
    ask()
    (HERE / f"asked-{number}").touch()
