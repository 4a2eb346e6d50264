"""Answers of an exported model: spans in the original text, windows, bad input, and the line protocol."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import pytest
from tiny_models import write_dense

from engine.errors import UserError
from engine.export import export_model
from engine.export.__main__ import main as export_main
from engine.pipeline import Pipeline
from engine.pipeline.__main__ import main
from engine.pipeline.runtime import processors, thread_count
from engine.question_answering.evaluate import main as evaluate_main
from engine.runs.launch import create_run

CONTEXT = "Anna lives in the old city of Paris. The café was built by Marie in London, near the river!"
QUESTION = "Where is the café?"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    model = write_dense(tmp_path_factory.mktemp("pipeline") / "model")
    export_model(model, latency_runs=0)
    return model


@pytest.fixture(scope="module")
def pipeline(folder: Path) -> Pipeline:
    return Pipeline.create(task="question-answering", model_path=folder, threads=1)


def test_one_answer_is_a_span_of_the_context(pipeline: Pipeline) -> None:
    result = pipeline(question=QUESTION, context=CONTEXT)
    assert isinstance(result, dict)
    assert set(result) == {"score", "start", "end", "answer"}
    assert result["answer"] == CONTEXT[result["start"] : result["end"]] != ""
    assert 0 < result["score"] <= 1


def test_top_k_is_ordered_and_distinct(pipeline: Pipeline) -> None:
    results = pipeline(question=QUESTION, context=CONTEXT, top_k=5)
    assert len(results) == 5
    scores = [result["score"] for result in results]
    assert scores == sorted(scores, reverse=True)
    assert len({(result["start"], result["end"]) for result in results}) == 5
    assert results[0] == pipeline(question=QUESTION, context=CONTEXT)


def test_spans_are_characters_whatever_the_script(pipeline: Pipeline) -> None:
    """Accents, combining marks and emoji take more bytes than characters and may vanish from the tokens."""
    context = "🌉🌉 Née à 'the old bridge' 👩‍👩‍👧 — Cafe\u0301 of Anna, Ünder the tower. 東京 is a city."
    for result in pipeline(question="who?", context=context, top_k=10):
        assert result["answer"] == context[result["start"] : result["end"]]
        assert result["answer"].strip() == result["answer"] != ""


def test_the_folder_of_the_deployment_answers_alike(folder: Path, pipeline: Pipeline) -> None:
    other = Pipeline.create(model_path=folder / "deployment")
    assert other(question=QUESTION, context=CONTEXT) == pipeline(question=QUESTION, context=CONTEXT)


def test_long_contexts_are_read_in_windows(pipeline: Pipeline) -> None:
    context = " ".join(f"Part {number}: {CONTEXT}" for number in range(20))
    answer = pipeline.answer(QUESTION, context, top_k=3, doc_stride=16)
    assert pipeline.max_length == 64
    assert answer.windows > 10
    assert all(item.text == context[item.start : item.end] for item in answer.candidates)
    assert min(answer.milliseconds.tokenise, answer.milliseconds.run, answer.milliseconds.decode) > 0


def test_an_answer_beyond_the_first_window_is_found(pipeline: Pipeline) -> None:
    """The best span over all windows is the best of what each window says on its own."""
    context = " ".join(CONTEXT for _ in range(8))
    answer = pipeline.answer(QUESTION, context, doc_stride=16)
    windows = _windows(pipeline, context)
    logits = pipeline.logits(windows)
    best = max(
        float(window.start_logits[i] + window.end_logits[j])
        for window in logits
        for i in range(len(window.offsets))
        for j in range(i, min(i + 30, len(window.offsets)))
        if window.offsets[i, 0] >= 0 and window.offsets[j, 0] >= 0
    )
    found = answer.candidates[0]
    assert found.start_logit + found.end_logit == pytest.approx(best, abs=1e-4)
    assert answer.windows == len(windows) > 3


def test_padding_in_a_batch_of_windows_changes_nothing(pipeline: Pipeline) -> None:
    windows = _windows(pipeline, " ".join(CONTEXT for _ in range(3)))
    together = pipeline.logits(windows)
    assert len({len(window.ids) for window in windows}) > 1
    for window, expected in zip(windows, together, strict=True):
        (alone,) = pipeline.logits([window])
        assert alone.start_logits == pytest.approx(expected.start_logits, abs=1e-4)


def test_lists_of_questions_and_contexts(pipeline: Pipeline) -> None:
    single = pipeline(question=QUESTION, context=CONTEXT)
    assert pipeline(question=[QUESTION, "who?"], context=CONTEXT)[0] == single
    assert pipeline(question=[QUESTION, QUESTION], context=["Anna was in Berlin.", CONTEXT])[1] == single
    assert pipeline(question=[], context=[]) == []
    with pytest.raises(UserError, match="2 questions and 1 contexts"):
        pipeline(question=["a", "b"], context=["c"])


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        ({"question": " ", "context": "x"}, "the question is empty"),
        ({"question": "who?", "context": "\n"}, "the context is empty"),
        ({"question": "who?", "context": "\u200b\u200b"}, "the context holds no words"),
        ({"question": "who " * 200, "context": "x"}, "the question has 200 tokens, the model reads 64"),
        ({"question": "who?", "context": "x", "top_k": 0}, r"top_k is 0 \(give a whole number, 1 or more\)"),
        (
            {"question": "who?", "context": "x", "doc_stride": -1},
            r"doc_stride is -1 \(give a whole number, 0 or more\)",
        ),
        ({"question": None, "context": "x"}, "the question is not a text"),
    ],
)
def test_bad_questions_are_named(pipeline: Pipeline, arguments: dict[str, Any], said: str) -> None:
    with pytest.raises(UserError, match=said):
        pipeline.answer(**arguments)


def test_a_question_or_context_that_is_no_text_is_named(pipeline: Pipeline) -> None:
    for question, context in ((None, "x"), ("who?", None), (None, None), ([None], "x")):
        with pytest.raises(UserError, match="is not a text"):
            pipeline(question=question, context=context)  # pyright: ignore[reportArgumentType]


def test_a_window_too_small_is_not_the_question_s_fault(folder: Path) -> None:
    with pytest.raises(UserError, match=r"windows of 3 tokens are too small .*give 8 or more"):
        Pipeline.create(model_path=folder, max_length=3)(question=QUESTION, context=CONTEXT)


def test_keywords_of_deepsparse(folder: Path, pipeline: Pipeline) -> None:
    other = Pipeline.create(
        task="qa",
        model_path=folder,
        batch_size=4,
        sequence_length=48,
        num_cores=1,
        engine_type="onnxruntime",
        scheduler=None,
    )
    assert (other.batch_size, other.max_length) == (4, 48)
    assert other(question=QUESTION, context="Anna lives in Paris.") == pipeline(
        question=QUESTION, context="Anna lives in Paris."
    )
    for keyword, said in (
        ({"engine_type": "deepsparse"}, "only ONNX Runtime"),
        ({"btach_size": 3}, "no keyword btach_size"),
        ({"batch_size": 0}, "batch_size is 0"),
    ):
        with pytest.raises(UserError, match=said):
            Pipeline.create(model_path=folder, **keyword)


def test_what_may_stand_for_a_deployment(folder: Path, pipeline: Pipeline, tmp_path: Path) -> None:
    run = create_run(slug="asked", model="bert", model_path="bert", output_dir=str(folder))
    for place in (folder / "deployment" / "model.onnx", run.path, run.id):
        assert Pipeline.create(model_path=place).deployment.folder.samefile(folder / "deployment")
    with pytest.raises(UserError, match="no such folder: nothing-of-the-kind"):
        Pipeline.create(model_path="nothing-of-the-kind")
    (tmp_path / "config.json").write_text("{}")
    (tmp_path / "deployment").mkdir()
    with pytest.raises(UserError, match=f"export --model_path {tmp_path} "):
        Pipeline.create(model_path=tmp_path / "deployment")
    with pytest.raises(UserError, match=r"no \.onnx"):
        Pipeline.create(model_path=tmp_path / "config.json")


def test_evaluation_takes_the_file_of_a_deployment(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    row = {"question": QUESTION, "context": CONTEXT, "answers": {"text": ["London"], "answer_start": [68]}}
    (tmp_path / "data.json").write_text(json.dumps([row]))
    line = ["--validation_file", str(tmp_path / "data.json"), "--max_seq_length", "48", "--doc_stride", "8", "--json"]
    found = []
    for place in (folder / "deployment", folder / "deployment" / "model.onnx"):
        assert evaluate_main([str(place), *line]) == 0
        result = json.loads(capsys.readouterr().out)
        assert result.pop("seconds") > 0
        found.append(result)
    assert found[0] == found[1]
    assert found[1]["engine"] == "onnxruntime"


@pytest.mark.parametrize("program", [main, export_main, evaluate_main])
def test_mistakes_on_the_command_line_are_one_line(program: Any, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--nonsense"], ["x", "--top-k", "x"], ["--opset", "x"]):
        if program is evaluate_main and not arguments:
            continue
        assert program(arguments) == 2
        out, errors = capsys.readouterr()
        assert out == ""
        assert len(errors.splitlines()) == 1
        assert errors.startswith("error: ")
        assert "--help lists what there is" in errors


def test_threads_are_bounded_by_the_processors(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert thread_count(99_999) == thread_count(processors()) == processors()
    question = [str(folder), QUESTION, "--context", CONTEXT, "--threads"]
    assert main([*question, "0"]) == 2
    assert capsys.readouterr().err == f"error: threads: 0 (give 1 to {processors()})\n"
    assert main([*question, "9999"]) == 0
    assert f"note: --threads 9999: {processors()} processors are at hand" in capsys.readouterr().err


def test_a_model_that_was_not_exported_names_the_command(tmp_path: Path) -> None:
    (tmp_path / "my model").mkdir()
    (tmp_path / "my model" / "config.json").write_text("{}")
    command = f"sqa-tui export --model_path '{tmp_path}/my model' --task question-answering"
    with pytest.raises(UserError) as caught:
        Pipeline.create(model_path=tmp_path / "my model")
    assert caught.value.hint == f"run: {command}"
    with pytest.raises(UserError, match="no such folder"):
        Pipeline.create(model_path=tmp_path / "nothing")
    with pytest.raises(UserError, match="unknown task"):
        Pipeline.create(task="summarization", model_path=tmp_path)


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("model.onnx", b"\x00\x1b[31mnot onnx"),
        ("model.onnx", b""),
        ("tokenizer.json", b"{}"),
        ("tokenizer.json", b"\xff"),
    ],
)
def test_damaged_files_are_one_line(
    folder: Path, tmp_path: Path, name: str, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    copied = _copy(folder / "deployment", tmp_path)
    (copied / name).write_bytes(content)
    assert main([str(copied), "who?", "--context", "Anna"]) == 2
    out, errors = capfd.readouterr()
    assert out == ""
    assert len(errors.splitlines()) == 1
    assert str(copied / name) in errors
    assert "\x1b" not in errors


def test_a_graph_that_is_no_question_answering_model(tmp_path: Path, folder: Path) -> None:
    import onnx
    from onnx import TensorProto, helper

    tensors = [helper.make_tensor_value_info(name, TensorProto.FLOAT, [1]) for name in ("x", "y")]
    graph = helper.make_graph([helper.make_node("Identity", ["x"], ["y"])], "g", tensors[:1], tensors[1:])
    copied = _copy(folder / "deployment", tmp_path)
    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=8)
    onnx.save(model, str(copied / "model.onnx"))
    with pytest.raises(UserError, match="not a question-answering model: inputs x; outputs y"):
        Pipeline.create(model_path=copied)


def test_command_line(folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "context.txt"
    file.write_text("\ufeff" + CONTEXT, encoding="utf-8")
    assert main([str(folder), QUESTION, "--context-file", str(file), "--top-k", "2", "--json"]) == 0
    answers = json.loads(capsys.readouterr().out)["answers"]
    assert [CONTEXT[item["start"] : item["end"]] for item in answers] == [item["answer"] for item in answers]
    assert main([str(folder), QUESTION, "--context", CONTEXT]) == 0
    assert answers[0]["answer"] in capsys.readouterr().out
    file.write_bytes(b"\xff\xfe")
    for flags, said in (
        (["--context-file", str(file)], "is not UTF-8 text"),
        (["--context-file", str(tmp_path / "no.txt")], "cannot read"),
        ([], "no context"),
    ):
        assert main([str(folder), QUESTION, *flags]) == 2
        assert said in capsys.readouterr().err


class Server:
    """The program with `--stdin`, asked a line at a time."""

    def __init__(self, folder: Path) -> None:
        command = [sys.executable, "-m", "engine.pipeline", str(folder), "--stdin", "--threads", "1"]
        pipe = subprocess.PIPE
        self.process = subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=pipe)
        self.greeting = self.receive()

    def ask(self, line: bytes) -> dict[str, Any]:
        stream: IO[bytes] | None = self.process.stdin
        assert stream is not None
        stream.write(line + b"\n")
        stream.flush()
        return self.receive()

    def receive(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        return json.loads(self.process.stdout.readline())


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[Server]:
    server = Server(folder)
    yield server
    _, errors = server.process.communicate(timeout=30)
    assert server.process.returncode == 0
    assert errors == b""


def test_stdin_greets_with_the_model(server: Server, folder: Path) -> None:
    file = folder / "deployment" / "model.onnx"
    assert server.greeting["ready"] is True
    assert server.greeting["model"] == str(file)
    assert server.greeting["size_bytes"] == file.stat().st_size


def test_stdin_answers_with_the_request_s_id(server: Server, pipeline: Pipeline) -> None:
    request = {"id": "a-1", "question": QUESTION, "context": CONTEXT, "top_k": 2}
    response = server.ask(json.dumps(request, ensure_ascii=False).encode())
    assert response["id"] == "a-1"
    assert response["windows"] == 1
    assert set(response["milliseconds"]) == {"tokenise", "run", "decode"}
    expected = pipeline(question=QUESTION, context=CONTEXT, top_k=2)
    assert [item["answer"] for item in response["answers"]] == [item["answer"] for item in expected]


@pytest.mark.parametrize(
    ("line", "identity", "said"),
    [
        (b"this is not JSON", None, "not JSON"),
        (b"\xff\xfe\x00", None, "not JSON"),
        (b"[1, 2]", None, "a request is a JSON object"),
        (b"[" * 100_000, None, "Recursion"),
        (b'{"id": 7, "question": "who?"}', 7, "the context is empty"),
        (b'{"id": 8, "question": 3, "context": "x"}', 8, "the question is not a text"),
        (b'{"id": 9, "question": "who?", "context": "x", "top_k": "many"}', 9, "top_k"),
        (b'{"id": 10, "question": "who \\ud800?", "context": "x"}', 10, "surrogate"),
    ],
)
def test_stdin_survives_garbage(server: Server, line: bytes, identity: int | None, said: str) -> None:
    response = server.ask(line)
    assert response["id"] == identity
    assert said in response["error"]
    assert "answers" in server.ask(b'{"id": 1, "question": "who?", "context": "Anna lives in Paris."}')


def test_answers_need_no_torch(folder: Path) -> None:
    program = (
        "import sys; from engine.pipeline import Pipeline; "
        f"Pipeline.create(model_path={str(folder)!r})(question='who?', context='Anna lives in Paris.'); "
        "print(sorted({'torch', 'transformers', 'datasets', 'onnx'} & set(sys.modules)), 'onnxruntime' in sys.modules)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.split("\n")[0] == "[] True"


def _windows(pipeline: Pipeline, context: str) -> list[Any]:
    from engine.pipeline.windows import cut_windows

    return cut_windows(pipeline.tokenizer, QUESTION, context, pipeline.max_length, 16)


def _copy(folder: Path, target: Path) -> Path:
    for path in folder.iterdir():
        (target / path.name).write_bytes(path.read_bytes())
    return target
