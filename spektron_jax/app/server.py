"""Addresses of the local page and their answers; needs the extra "app".

    GET   /                           the page, and its script and style
    POST  /visit                      begins a visit: its name, tasks and limits
    POST  /visit/V/alive|leave|end    it is there, was left, is over
    POST  /visit/V/file/SLOT?name=    a file, as the body
    POST  /visit/V/clear/SLOT         without its files
    POST  /visit/V/look/SLOT          how its files are read
    POST  /visit/V/offer              what a transfer of old and new would be
    POST  /visit/V/start/TASK         starts it with settings; 409: wait
    GET   /visit/V/job/TASK           how far it is, what it found
    POST  /visit/V/stop/TASK
    POST  /visit/V/export/NAME        writes a form of the model
    GET   /visit/V/out/TASK/NAME      a file that was written

V = a visit. All are behind the token, see `guard`.
"""

import asyncio
import contextlib
import json
import re
import shutil
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette
from starlette.concurrency import run_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.routing import Route

from spektron_jax.app import fields, found, guard, packed, words
from spektron_jax.app.jobs import Busy, Jobs
from spektron_jax.app.visits import TooMuch, Visit, Visits
from spektron_jax.errors import SpektronError, has_network

PAGE = Path(__file__).parent / "page"
KINDS = {".html": "text/html", ".js": "text/javascript", ".css": "text/css"}
SLOTS = {slot.name: slot for task in fields.TASKS.values() for slot in task.slots}
MOST_SETTINGS = 20_000  # bytes of a request that is no file
FILE_S = 600.0  # that sending a file may take
SWEEP_S = 2.0
PICTURES = "look"
# Of a command's answer, what the page shows.
ANSWER = (
    *("error", "predictions", "property", "property_unit"),
    *("intervals", "coverage", "warnings"),
)


class App:
    """The local page: its visits, their jobs, and what it answers.

    Args:
      root: folder of all files, which goes with the server
      megabytes: of the files of a visit together
      minutes: that a job may take
    """

    def __init__(self, root: Path, megabytes: float = 500, minutes: float = 30):
        self.megabytes, self.minutes = megabytes, minutes
        self.visits = Visits(root, int(megabytes * 1e6))
        self.jobs = Jobs(minutes * 60)

    def server(self, token: str, port: int) -> guard.Server:
        """The ASGI application behind the doors of `guard`."""
        post = [
            ("/visit", self.begin),
            ("/visit/{visit}/alive", self.alive),
            ("/visit/{visit}/leave", self.leave),
            ("/visit/{visit}/end", self.end),
            ("/visit/{visit}/file/{slot}", self.file),
            ("/visit/{visit}/clear/{slot}", self.clear),
            ("/visit/{visit}/look/{slot}", self.look),
            ("/visit/{visit}/offer", self.offer),
            ("/visit/{visit}/start/{task}", self.start),
            ("/visit/{visit}/stop/{task}", self.stop),
            ("/visit/{visit}/export/{name}", self.export),
        ]
        get = [
            ("/visit/{visit}/job/{task}", self.job),
            ("/visit/{visit}/out/{task}/{name}", self.out),
            ("/{name}", self.static),
            ("/", self.static),
        ]
        routes = [Route(path, _told(one), methods=["POST"]) for path, one in post]
        routes += [Route(path, _told(one), methods=["GET"]) for path, one in get]
        server = Starlette(routes=routes, lifespan=self._life)
        server.router.redirect_slashes = False  # it would lose the token
        return guard.guarded(server, token, port)

    @contextlib.asynccontextmanager
    async def _life(self, _: Starlette) -> AsyncIterator[None]:
        sweeper = asyncio.create_task(self._sweep())
        yield
        sweeper.cancel()
        for name in self.visits.names():
            await self._close(name)
        shutil.rmtree(self.visits.root, ignore_errors=True)

    async def _sweep(self) -> None:
        while True:
            await asyncio.sleep(SWEEP_S)
            for name in self.visits.over():
                await self._close(name)

    async def _close(self, name: str) -> None:
        await self.jobs.forget(name)
        await run_in_threadpool(self.visits.end, name)

    def _visit(self, request: Request) -> Visit:
        return self.visits.of(request.path_params["visit"])

    async def static(self, request: Request) -> Response:
        """The page and what belongs to it."""
        name = request.path_params.get("name", "index.html")
        if name not in {file.name for file in PAGE.iterdir()}:
            return _error("there is no such address", 404)
        kind = f"{KINDS[Path(name).suffix]}; charset=utf-8"
        return Response((PAGE / name).read_bytes(), media_type=kind)

    async def begin(self, request: Request) -> Response:
        """A new visit."""
        visit = self.visits.begin()
        return JSONResponse(
            {
                "visit": visit.name,
                "tasks": fields.described(),
                "exports": fields.EXPORTS,
                "network": has_network(),
                "megabytes": self.megabytes,
                "minutes": self.minutes,
            }
        )

    async def alive(self, request: Request) -> Response:
        """The page is there."""
        self._visit(request)
        return JSONResponse({})

    async def leave(self, request: Request) -> Response:
        """The page was left, or is being loaded again."""
        self.visits.leave(self._visit(request).name)
        return JSONResponse({})

    async def end(self, request: Request) -> Response:
        """The visit is over: its job is stopped, its files are removed."""
        await self._close(self._visit(request).name)
        return JSONResponse({})

    async def file(self, request: Request) -> Response:
        """Keep a file that is sent."""
        visit, slot = self._visit(request), _slot(request)
        path = visit.new_file(slot.name, request.query_params.get("name", ""))
        before = visit.sent.get(slot.name, 0)
        try:
            async with asyncio.timeout(FILE_S):
                await _receive(request, visit, slot.name, path)
        except BaseException as error:
            path.unlink(missing_ok=True)
            visit.sent[slot.name] = before
            if isinstance(error, TimeoutError):
                raise SpektronError(f"{path.name}: took too long to be sent") from None
            raise
        if slot.name == "model" and path.suffix.lower() == ".zip":
            try:
                await run_in_threadpool(packed.unpack, path)
            except SpektronError:
                path.unlink(missing_ok=True)
                raise
        return JSONResponse({"name": path.name})

    async def clear(self, request: Request) -> Response:
        """Take the files of a slot away."""
        self._visit(request).clear(_slot(request).name)
        return JSONResponse({})

    async def look(self, request: Request) -> Response:
        """How the files of a slot are read; a picture of them."""
        visit, slot = self._visit(request), _slot(request)
        path = visit.given(slot.name)
        if not path or not slot.spectra:
            raise SpektronError(f"{slot.label}: give a file of spectra")
        picture = f"{PICTURES}/{slot.name}.png"
        settings = await _settings(request)
        if slot.by_model and not settings.get("unit"):
            settings["unit"] = _model_unit(visit)
        typed = words.reading(path, picture, settings)
        visit.slot(PICTURES)
        answer = await self.jobs.short(visit.folder, typed)
        if "error" in answer:  # an answer too: this is how the file is read
            text = words.in_page_words(str(answer["error"]), fields.READING)
            return JSONResponse({"error": text.replace(f"{slot.name}/", "")})
        _keep(visit, slot.name, answer)
        return JSONResponse(found.shown(answer))

    async def offer(self, request: Request) -> Response:
        """What a transfer of the files that were read would be."""
        visit = self._visit(request)
        old, new = (_kept(visit, name) for name in ("old", "new"))
        return JSONResponse(found.offered(old, new, bool(visit.given("labels"))))

    async def start(self, request: Request) -> Response:
        """Start a task."""
        visit, task = self._visit(request), _task(request)
        settings = await _settings(request)
        typed = words.command(task, settings, visit.given, visit.holds)
        out = visit.folder / fields.OUT / task.name
        self.jobs.check(visit.name, task.name, task.heavy)
        await run_in_threadpool(shutil.rmtree, out, True)
        out.mkdir(parents=True, exist_ok=True)
        self.jobs.start(visit.name, visit.folder, typed, task.heavy)
        return JSONResponse({}, 202)

    async def job(self, request: Request) -> Response:
        """The state of a task, and what it found."""
        visit, task = self._visit(request), _task(request)
        job = self.jobs.newest.get((visit.name, task.name))
        if job is None:
            raise SpektronError(f"{task.title}: was not started")
        report = visit.folder / fields.OUT / task.name / "report.html"
        lines, answer = [_plain(line, task) for line in job.lines], job.answer
        if "error" in answer:
            answer = {"error": _plain(str(answer["error"]), task)}
        return JSONResponse(
            {
                "state": job.state,
                "seconds": round(job.seconds, 1),
                "lines": lines,
                "percent": job.percent,
                "report": str(report.stat().st_mtime_ns) if report.exists() else None,
                "answer": {name: answer[name] for name in ANSWER if name in answer},
            }
        )

    async def stop(self, request: Request) -> Response:
        """Stop a task."""
        await self.jobs.stop(self._visit(request).name, _task(request).name)
        return JSONResponse({})

    async def export(self, request: Request) -> Response:
        """Write a form of the model that a transfer made."""
        visit, name = self._visit(request), request.path_params["name"]
        answer = await self.jobs.short(visit.folder, words.exporting(name))
        if "error" in answer:
            raise SpektronError(str(answer["error"]))
        return JSONResponse({"name": name})

    async def out(self, request: Request) -> Response:
        """A file that was written: shown where it can do nothing, else saved."""
        visit, name = self._visit(request), request.path_params["name"]
        if request.path_params["task"] == PICTURES:
            if name.removesuffix(".png") not in SLOTS:
                return _error("there is no such file", 404)
            return _file(visit.folder / PICTURES / name, "image/png")
        task = _task(request)
        path = visit.folder / fields.OUT / task.name / name
        if name not in task.files and not (
            task.name == "transfer" and name in fields.EXPORTS
        ):
            return _error("there is no such file", 404)
        if name == "model.zip" and path.with_suffix("").is_dir():
            await run_in_threadpool(packed.pack, path.with_suffix(""), path)
        if name == "control.csv":
            path = visit.folder / (visit.given("log") or "log/none")
        shown = name == "report.html" and "save" not in request.query_params
        return _file(path, "text/html; charset=utf-8" if shown else "", name)


def _told(handler: Any) -> Any:
    """The handler, whose SpektronError becomes an answer of one sentence."""

    async def answer(request: Request) -> Response:
        try:
            return await handler(request)
        except Busy as error:
            return _error(str(error), 409)
        except TooMuch as error:
            return _error(str(error), 413)
        except SpektronError as error:
            return _error(str(error), 400)
        except ClientDisconnect:
            return _error("the page went away", 400)
        except OSError as error:
            why = error.strerror or "a fault of the disk"
            return _error(f"a file of this visit cannot be used: {why}", 500)

    return answer


def _plain(text: str, task: fields.Task) -> str:
    """A sentence of a command in the words of the page."""
    for slot in task.slots:
        text = re.sub(rf"\b{slot.name}/", "", text)
    return words.in_page_words(text, task.fields)


def _error(text: str, status: int) -> Response:
    return JSONResponse({"error": " ".join(text.split())}, status)


def _file(path: Path, kind: str, name: str = "") -> Response:
    """A file to be shown as `kind`, or "": to be saved as `name`."""
    if not path.is_file():
        return _error("this file was not written yet", 404)
    headers = {"content-security-policy": guard.REPORT}
    if kind:
        return FileResponse(path, media_type=kind, headers=headers)
    return FileResponse(
        path, media_type="application/octet-stream", filename=name, headers=headers
    )


def _slot(request: Request) -> fields.Slot:
    name = request.path_params["slot"]
    if name not in SLOTS:
        raise SpektronError("there is no such place for files")
    return SLOTS[name]


def _task(request: Request) -> fields.Task:
    name = request.path_params["task"]
    if name not in fields.TASKS:
        raise SpektronError("there is no such task")
    return fields.TASKS[name]


async def _settings(request: Request) -> dict[str, Any]:
    """The JSON object of a request."""
    content = b""
    async for chunk in request.stream():
        content += chunk
        if len(content) > MOST_SETTINGS:
            raise TooMuch("the settings are too long")
    try:
        found = json.loads(content or b"{}")
    except ValueError:
        found = None
    if not isinstance(found, dict):
        raise SpektronError("the settings are no JSON object")
    return found


async def _receive(request: Request, visit: Visit, slot: str, path: Path) -> None:
    with open(path, "xb") as file:
        async for chunk in request.stream():
            visit.count(slot, len(chunk))
            file.write(chunk)


def _model_unit(visit: Visit) -> str:
    """Of the axis of the model that would predict; "": there is none yet."""
    folder = visit.given(fields.MODEL.name) or fields.MODEL.instead
    try:
        text = (visit.folder / folder / "model.json").read_text(encoding="utf-8")
        model = json.loads(text)
        unit = model.get("each", [model])[0]["unit"]  # of several properties: the same
    except (OSError, ValueError, LookupError, TypeError, AttributeError):
        return ""
    return unit if unit in dict(fields.UNIT.choices) else ""


def _keep(visit: Visit, slot: str, answer: dict[str, Any]) -> None:
    text = json.dumps(answer)
    (visit.slot(PICTURES) / f"{slot}.json").write_text(text, encoding="utf-8")


def _kept(visit: Visit, slot: str) -> dict[str, Any]:
    path = visit.slot(PICTURES) / f"{slot}.json"
    if not path.exists():
        raise SpektronError(f"{SLOTS[slot].label}: give a file first")
    return json.loads(path.read_text(encoding="utf-8"))
