"""The settings of an experiment, one row each: flags, files, keywords, checks, docs and errors come from the row."""

from __future__ import annotations

from dataclasses import dataclass, field

from optibench.engine import gradients
from optibench.engine.batches import SAMPLERS
from optibench.engine.gradients import Transforms
from optibench.experiment.choices import Batches, Pieces, Rates, Tuning, Tunings, rates
from optibench.plugin.choice import Choice
from optibench.plugin.setting import Flag, Names, OneOf, Setting, Text, Whole, named, rows_of, setting
from optibench.plugin.types import Facts

#: Seeds below this number are for evaluation, those from it on for tuning.
TUNING = 1_000_000
DEFAULT_LR = "1e-5:10:9"
DTYPES = ("float32", "float64")


@dataclass(frozen=True)
class Experiment:
    """What to run. At most one of epochs, steps and gradient_evaluations; with none, each problem's own epochs."""

    name: str = setting(
        "custom",
        kind=Text(r"[\w.+ -]*\w", "results go to a folder of this name; use letters, digits, - and _"),
        group="What to run",
        flag=None,
        unset="the file's name, or custom",
        help="Name of the experiment and of its folder of results",
    )
    problems: tuple[Choice, ...] = setting(
        (),
        kind=Pieces("problem"),
        group="What to run",
        flag="--problem",
        metavar="NAME",
        repeatable=True,
        unset="required",
        help="Problem, as NAME or NAME:KEY=VALUE,KEY=VALUE; repeatable",
        details="In a file, a list of names or of tables with a name and parameters.",
    )
    optimizers: tuple[Choice, ...] = setting(
        (),
        kind=Pieces("optimizer"),
        group="What to run",
        flag="--optimizer",
        metavar="NAME",
        repeatable=True,
        unset="required",
        factor="optimizer",
        help="Optimizer, as NAME or NAME:KEY=VALUE,KEY=VALUE; repeatable",
        details="Written as problems are.",
    )
    compare: str = setting(
        "optimizer",
        kind=OneOf(lambda: FACTORS, "factor to compare"),
        group="What to run",
        metavar="FACTOR",
        help="Factor to compare",
        details="Factors other than the optimizer are compared at tuned optimizers. On the command line without a "
        "suite, the levels are those of the suite that compares this factor.",
    )
    lr: tuple[float, ...] = setting(
        rates(DEFAULT_LR),  # empty where nothing is tuned and no rate was given
        kind=Rates(),
        group="Tuning",
        metavar="LO:HI:COUNT|a,b,c",
        unset=f'"{DEFAULT_LR}", none with tune = "none"',
        help="Learning rates to try: a logarithmic grid that includes both ends, or a list",
    )
    tune: Tuning = setting(  # noqa: RUF009  a field, and its default is frozen
        Tuning(),
        kind=Tunings(),
        group="Tuning",
        metavar="HOW",
        help="Tuning method: grid, random:K or none",
        details="`grid` tries every rate of `lr`; `random:K` draws K rates between its ends; `none` runs declared "
        "defaults, or every rate of `lr` as a method of its own.",
    )
    seeds: int = setting(
        20,
        kind=Whole(1, TUNING - 1, f" (seeds from {TUNING} on are for tuning)"),
        group="Seeds",
        metavar="N",
        help="Number of replicates, each with an evaluation seed of its own",
        details="A replicate is a whole experiment: it tunes every method on tuning seeds of its own and evaluates the "
        "chosen settings on a fresh seed.",
    )
    tuning_seeds: int = setting(
        1,
        kind=Whole(),
        group="Seeds",
        metavar="N",
        help="Number of tuning seeds of each replicate (disjoint from all evaluation seeds)",
    )
    first_seed: int = setting(
        0,
        kind=Whole(0, TUNING - 1),
        group="Seeds",
        metavar="N",
        help="Evaluation seed of the first replicate",
        details="Replicate r has the evaluation seed N + r; another N gives an independent replication.",
    )
    reference: str | None = setting(
        None,
        kind=Text(),
        group="Seeds",
        metavar="NAME",
        unset="the first optimizer",
        help="Reference optimizer that defines the target loss",
        details="Used where no minimum is known: the target is the loss that it reaches with its learning rate tuned.",
    )
    epochs: int | None = setting(
        None,
        kind=Whole(),
        group="Budget",
        metavar="N",
        unset="each problem's own",
        help="Budget of a run in passes through the training set",
        details="One evaluation per batch. At most one budget may be given.",
    )
    steps: int | None = setting(
        None, kind=Whole(), group="Budget", metavar="N", help="Budget of a run in parameter updates"
    )
    gradient_evaluations: int | None = setting(
        None,
        kind=Whole(),
        group="Budget",
        flag="--evaluations",
        metavar="N",
        help="Budget of a run in evaluations: gradients, losses and Hessian products",
    )
    batch: tuple[int | str, ...] = setting(
        (32,),
        kind=Batches(),
        group="Training",
        metavar="N|full",
        factor="batch",
        help="Batch size; ignored by optimizers with a fixed batch size; several to compare",
        details="gd, sgd and minibatch have a fixed batch size, which `gd:batch=128` changes.",
    )
    sampler: str = setting(
        "reshuffle",
        kind=OneOf(lambda: SAMPLERS),
        group="Training",
        metavar="NAME",
        help="Sampling of the training examples",
    )
    schedule: tuple[Choice, ...] = setting(
        (("constant", {}),),
        kind=Pieces("schedule", single=True),
        group="Training",
        metavar="NAME",
        repeatable=True,
        factor="schedule",
        help="Learning-rate schedule, as NAME or NAME:KEY=VALUE,KEY=VALUE; several to compare",
        details="In a file, a name or a table with a name and parameters; a list to compare.",
    )
    dtype: str = setting(
        "float32", kind=OneOf(lambda: DTYPES), group="Training", metavar="NAME", help="Floating-point precision"
    )
    instruments: bool = setting(
        True,
        kind=Flag(),
        group="Training",
        help="Record gradients and updates by layer, saturation and sharpness along the first compared runs",
        details="On problems with several blocks of parameters, such as networks, in the first three replicates; it "
        "adds at most a tenth to their cost, and changes no other number.",
    )
    transforms: Transforms = field(default=Transforms())  # its rows are settings too

    def facts(self) -> Facts:
        """The settings as an experiment file has them, those without a value left out."""
        values = {row.name: row.kind.write(getattr(self, row.name)) for row in rows_of(type(self))}
        values |= {row.name: row.kind.write(getattr(self.transforms, row.name)) for row in gradients.ROWS}
        return {name: value for name, value in values.items() if value is not None}

    @property
    def tunes(self) -> bool:
        """Whether there is anything to choose."""
        return self.tune.method != "none" and (len(self.lr) > 1 or self.tune.draws is not None)


#: Settings that are levels of a parameter of problems: resolved, they are problems.
SWEEPS = [
    named(
        Setting(
            factor,
            None,
            kind=Names(),
            help=f"{factor.capitalize()} of every problem that takes one; several to compare",
            group="What to run",
            metavar="a,b,c",
            unset="each problem's own",
            factor=factor,
            parameter=parameter,
        )
    )
    for factor, parameter in (("activation", "activation"), ("initialisation", "initial"))
]


def rows() -> list[Setting]:
    """Every setting, in the order in which they are shown: by group, each group as it first appears."""
    declared = [*rows_of(Experiment), *SWEEPS, *gradients.ROWS]
    groups = list(dict.fromkeys(row.group for row in declared))
    return sorted(declared, key=lambda row: groups.index(row.group))


BUDGETS = tuple(row.name for row in rows() if row.group == "Budget")
#: What may be compared, and the parameter of a problem that it is, if it is one.
FACTORS: dict[str, str] = {row.factor: row.parameter for row in rows() if row.factor}
