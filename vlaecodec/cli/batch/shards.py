"""Split shards into jobs, one for each picture, and join the outputs to shards again."""

from __future__ import annotations

import io
import os
import shutil
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path, PurePosixPath

from vlaecodec.cli.batch.jobs import Job
from vlaecodec.cli.batch.names import is_shard
from vlaecodec.cli.batch.plan import Plan
from vlaecodec.cli.batch.tar import Member, add_member, list_members
from vlaecodec.cli.batch.worker import Result, check_job
from vlaecodec.errors import InputError, OutputError, VlaeError
from vlaecodec.writing import hold, name_unfinished, replacing


class Shards:
    """A plan whose shards are split into jobs. Removes its temporary files at the end."""

    def __init__(self, plan: Plan, *, force: bool) -> None:
        self.jobs: list[Job] = []
        """One for each file, and one for each input in a shard."""
        self.failures: list[Result] = []
        """Shards, and members of shards, that there is no job for."""
        self._of: dict[Job, _Shard] = {}
        self._force = force
        for job in plan.jobs:
            if not is_shard(Path(job.input)):
                self.jobs.append(job)
                continue
            try:
                check_job(job, force=force)
                shard = _Shard(job, plan)
            except VlaeError as error:
                self.failures.append(Result(job, error=str(error)))
                continue
            self.failures += [Result(job, error=problem) for problem in shard.problems]
            self.jobs += shard.jobs
            self._of |= dict.fromkeys(shard.jobs, shard)

    def __enter__(self) -> Shards:
        return self

    def __exit__(self, *_: object) -> None:
        for shard in set(self._of.values()):
            shard.close()

    def gather(self, results: Iterable[Result]) -> Iterator[Result]:
        """Pass results on, and write each shard once all of its jobs are done or have failed."""
        for result in results:
            yield result
            shard = self._of.get(result.job)
            if shard is not None:
                try:
                    shard.finish_one(force=self._force)
                except VlaeError as error:
                    yield Result(shard.job, error=str(error))


class _Shard:
    """One shard: the jobs for its members, and the output shard that they make."""

    def __init__(self, job: Job, plan: Plan) -> None:
        """Raises InputError if it is no tar or has no inputs in it."""
        self.job = job
        self.parts = name_unfinished(Path(job.output).parent, "parts")
        """The folder for outputs until the shard is written."""
        members, problems = list_members(job.input)
        self.problems = [f"{job.input}: {problem}" for problem in problems]
        """A line for each member that is left out."""
        self.outputs: list[tuple[str, Member, Job | None]] = []
        """The names in the output shard, the members that they come from, and by which job."""
        taken = {m.name for m in members if not plan.is_input(Path(m.name))}
        for member in members:
            if not plan.is_input(Path(member.name)):
                self.outputs.append((member.name, member, None))
                continue
            # Case counts: the files of a sample have the same stem, letter by letter.
            name = member.name.removesuffix(PurePosixPath(member.name).suffix) + plan.suffix
            if name in taken:
                self.problems.append(f"{job.input}:{member.name}: {name} is there twice; left out")
                continue
            taken.add(name)
            part = self.parts / f"{len(self.outputs)}{plan.suffix}"
            one = Job(job.input, str(part), member, f"{job.output}:{name}")
            self.outputs.append((name, member, one))
        self.jobs = [one for _, _, one in self.outputs if one is not None]
        if not self.jobs:
            raise InputError(f"{job.input}: nothing to do: no inputs in it")
        self._missing = len(self.jobs)
        try:
            self.parts.mkdir()
            self._held = os.open(self.parts, os.O_RDONLY)
        except OSError as error:
            raise OutputError(f"{self.parts}: {error.strerror}") from error
        hold(self._held)

    def close(self) -> None:
        """Remove temporary outputs."""
        shutil.rmtree(self.parts, ignore_errors=True)
        os.close(self._held)

    def finish_one(self, *, force: bool) -> None:
        """Count a job that is done or has failed; after the last one, write the shard.

        What failed is left out, and no shard is written if all did. Raises OutputError.
        """
        self._missing -= 1
        if self._missing or not any(Path(job.output).is_file() for job in self.jobs):
            return
        with (
            replacing(self.job.output, force=force) as file,
            tarfile.open(fileobj=file, mode="w") as target,
            Path(self.job.input).open("rb") as source,
        ):
            for name, member, job in self.outputs:
                if job is None:
                    source.seek(member.offset)
                    add_member(target, member, name, source)
                elif (part := Path(job.output)).is_file():
                    data = part.read_bytes()
                    part.unlink()
                    add_member(
                        target, replace(member, size_bytes=len(data)), name, io.BytesIO(data)
                    )
