"""``python -m ddkit pretrain``."""

import shlex

from ddkit.cli.flags import add_plan, plan_of
from ddkit.cli.options import (
    add_data,
    add_jobs,
    add_json,
    add_out,
    add_places,
    require_width_used,
    show,
    side_by_side,
)
from ddkit.methods.translation.plan import TranslatorPlan


def add_to(add) -> None:
    parser = add("pretrain", _pretrain, "train a translator for few-shot distillation, on other data than those that "
                                        "it will serve; resumes within its subsets and steps")
    add_places(parser)
    add_data(parser, "glyphs")
    parser.add_argument("--seed", type=int, default=0, help="of everything random in it but the fixed network")
    add_jobs(parser, "subsets")
    add_out(parser)
    add_json(parser)
    add_plan(parser, TranslatorPlan)


def _pretrain(options) -> None:
    from ddkit.methods.translation.trying import told
    from ddkit.runs import run
    from ddkit.specs import Pretrain

    plan = plan_of(options, TranslatorPlan)
    require_width_used(getattr(options, "knob_width", None), [plan.network])
    with side_by_side(options):
        record = run(Pretrain(options.dataset, plan, options.seed, options.size), root=options.runs,
                     folder=options.out, data=options.data)
    begins = shlex.join(["python", "-m", "ddkit", "distill", "--method", "translative",
                         *_of_as_many_channels(record.asked), "--pretrained", str(record.folder)])
    show(record.as_dict(), options, f"{record}\n{told(record.result)}\nthe translator is in {record.folder}; a "
                                    f"distillation begins with it by\n{begins}")


def _of_as_many_channels(spec) -> list[str]:
    """The option that names data that the translator can serve, where those of ``distill`` itself are none."""
    from ddkit.data import SOURCES, parse_name

    return ["--dataset", "cifar10"] if len(SOURCES[parse_name(spec.dataset)[0]].mean) > 1 else []
