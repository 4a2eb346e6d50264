"""Sending a run's models to the Hugging Face hub: what goes wrong there costs no model and no time of training.

transformers' Trainer sends models by itself, but tells nobody where that fails, waits for it before it goes on, and
saves the model piece by piece to send it. So the sending is ours, with its flags, names and strategies.
"""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import threading
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import huggingface_hub
from huggingface_hub.errors import HfHubHTTPError
from transformers.trainer import TRAINER_STATE_NAME
from transformers.trainer_utils import HubStrategy

from engine.errors import RunFailure, UserError, plain
from engine.hub_reach import hub_answers
from engine.question_answering.artifacts import ORIGIN_FILE
from engine.question_answering.failures import StoppedError
from engine.question_answering.training_arguments import TrainingArguments
from engine.question_answering.upload_checks import UPLOAD_THREAD
from engine.runs.recorder import RunRecorder

UPLOADING = ".uploading"
"""Where a checkpoint's files wait in the output folder, as links, while they are sent: the checkpoint may go."""
_MODEL = (
    *("config.json", "generation_config.json", "model*.safetensors*", "pytorch_model*"),
    *("tokenizer*", "special_tokens_map.json", "added_tokens.json", "vocab.*", "merges.txt", "*.model", "*.onnx"),
    *("recipe*.yaml", "README.md", "*_results.json", "*predictions.json", "deployment/*", "sample-*"),
)
"""What is sent of a model: nothing else that may lie in its folder."""
_PRIVATE = ("training_args.bin", ORIGIN_FILE, "checkpoint-*", "_*", ".*", "*/.*")
"""Never sent: folders of this machine are named in it, or it is not the model's."""
_LOOK_SECONDS = 0.5
"""How often it is asked whether the run should stop while something is sent."""
_HINT = "check the network, the token (`hf auth login`, or HF_TOKEN) and --hub_model_id"


class UploadFailure(RunFailure):
    """The finished model could not be sent; it is whole on the disk."""


@dataclass
class _Sending:
    """Something under way; `error` is what ended it."""

    name: str
    files: Path
    thread: threading.Thread | None = None
    error: BaseException | None = None


class HubUploads:
    """The uploads of one run.

    `repository` is None where the hub could not be reached: then only the finished model is tried.
    """

    def __init__(self, arguments: TrainingArguments, recorder: RunRecorder) -> None:
        # The arguments are saved with every checkpoint: the token does not stay in them.
        self._token, arguments.hub_token = arguments.hub_token, None
        self.arguments = arguments
        self.recorder = recorder
        self.repository: str | None = None
        self._under_way: list[_Sending] = []

    @property
    def _output(self) -> Path:
        return Path(str(self.arguments.output_dir))

    def open(self, *, must: bool) -> None:
        """Make the repository, if it is not there. Raises `UserError` where that fails and `must` be."""
        shutil.rmtree(self._output / UPLOADING, ignore_errors=True)  # of a process that was killed
        name = self.arguments.hub_model_id or self._output.absolute().name
        try:
            self.repository = self._make(name)
        except Exception as error:
            message = f"--push_to_hub: no repository {plain(name)} on the hub: {_said(error)}"
            if must:
                raise UserError(message, f"{_HINT}, or leave out --push_to_hub") from error
            self.recorder.emit("alert", level="warning", message=message, hint="tried again with the finished model")

    def _make(self, name: str) -> str:
        # The library's requests have no time limit: nobody at home is found out first.
        if not hub_answers():
            raise ConnectionError(f"{huggingface_hub.constants.ENDPOINT} does not answer")
        api, private = huggingface_hub.HfApi(), self.arguments.hub_private_repo
        made = api.create_repo(name, token=self._token, private=private, exist_ok=True).repo_id
        # One that exists is taken as made, also where the token may only read it.
        api.auth_check(made, token=self._token, write=True)
        return made

    def send_checkpoint(self, checkpoint: Path, moment: str) -> None:
        """Begin to send a checkpoint, as --hub_strategy wants it; what became of those before it is told."""
        self._tell()
        strategy = HubStrategy(self.arguments.hub_strategy)
        busy = bool(self._under_way) and not self.arguments.hub_always_push
        if self.repository is None or strategy is HubStrategy.END or busy:
            return
        folders = {HubStrategy.CHECKPOINT: "last-checkpoint", HubStrategy.ALL_CHECKPOINTS: checkpoint.name}
        sending = _Sending(checkpoint.name, checkpoint.parent / UPLOADING / checkpoint.name)
        self._under_way.append(sending)
        try:
            shutil.rmtree(sending.files, ignore_errors=True)
            shutil.copytree(checkpoint, sending.files, copy_function=_link)
        except OSError as error:
            sending.error = error
            return
        self._begin(
            sending, lambda: self._send(sending.files, f"Training in progress, {moment}", folders.get(strategy))
        )

    def send_finished(self, write_card: Callable[[str], None]) -> None:
        """Send the output folder, after what is under way; `write_card` adds its README, given the repository.

        Raises `UploadFailure` where that fails, `StoppedError` where it is not waited for.
        """
        for sending in self._under_way:
            self._wait(sending)
        self._tell()
        finished = _Sending("the model", self._output)

        def send() -> None:
            if self.repository is None:
                self.open(must=True)
            write_card(str(self.repository))
            self._upload(self._output, "End of training", only=_MODEL)

        self._begin(finished, send)
        self._wait(finished)
        error = finished.error
        if isinstance(error, UserError):
            raise UploadFailure(error.message, self._later) from error
        if error is not None:
            raise UploadFailure(f"the model was not sent to {self.repository}: {_said(error)}", self._later) from error

    def _begin(self, sending: _Sending, send: Callable[[], None]) -> None:
        def work() -> None:
            try:
                send()
            except BaseException as error:  # told by the main thread
                sending.error = error

        sending.thread = threading.Thread(target=work, name=UPLOAD_THREAD, daemon=True)
        sending.thread.start()

    def _wait(self, sending: _Sending) -> None:
        while sending.thread is not None and sending.thread.is_alive():
            if self.recorder.stop_requested:
                raise StoppedError(f"stopped while {sending.name} was being sent; {self._later}")
            sending.thread.join(_LOOK_SECONDS)

    @property
    def _later(self) -> str:
        return f"the model is whole in {self._output}; `sqa-tui resume {self.recorder.directory.id}` sends it"

    def _send(self, files: Path, message: str, folder: str | None) -> None:
        self._upload(files, message, only=_MODEL)
        if folder is not None:
            _without_place(files / TRAINER_STATE_NAME)
            self._upload(files, f"{message}, checkpoint", folder=folder)

    def _upload(
        self, files: Path, message: str, *, folder: str | None = None, only: tuple[str, ...] | None = None
    ) -> None:
        huggingface_hub.HfApi().upload_folder(
            repo_id=str(self.repository),
            folder_path=files,
            path_in_repo=folder,
            commit_message=message,
            token=self._token,
            revision=self.arguments.hub_revision,
            allow_patterns=list(only) if only else None,
            ignore_patterns=list(_PRIVATE),
        )

    def _tell(self) -> None:
        """Say which uploads failed, and forget all that ended."""
        for sending in [each for each in self._under_way if each.thread is None or not each.thread.is_alive()]:
            self._under_way.remove(sending)
            shutil.rmtree(sending.files, ignore_errors=True)
            if sending.error is None:
                continue
            message = f"{sending.name} was not sent to {self.repository}: {_said(sending.error)}"
            self.recorder.emit("alert", level="warning", message=message)
        with contextlib.suppress(OSError):
            (self._output / UPLOADING).rmdir()


def _without_place(file: Path) -> None:
    """Let a trainer's state name its best checkpoint, not where that lies on this machine; `file` may be a link."""
    state = json.loads(file.read_text(encoding="utf-8"))
    if best := state.get("best_model_checkpoint"):
        file.unlink()
        file.write_text(json.dumps({**state, "best_model_checkpoint": Path(best).name}), encoding="utf-8")


def _said(error: BaseException) -> str:
    """What went wrong, without addresses of requests and pages to read."""
    if isinstance(error, HfHubHTTPError) and error.response is not None:
        status = error.response.status_code
        known = {401: "the token is missing or not valid", 403: "the token may not write there"}.get(status)
        said = plain(error.server_message or "", 120)
        return f"{known or 'refused'} ({status}{f': {said}' if said else ''})"
    return plain(str(error) or type(error).__name__, 200)


def _link(source: str, target: str) -> None:
    """A second name takes no room; a copy where the file system has no such thing."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
