from fastopt.core.rules import *
from fastopt.core.fastai_face import *
from fastopt.core.torch_face import *
from fastopt.optim.all import *
from fastopt.training.flat_anneal import *
from fastopt.training.schedules import *
from fastopt.training.resume import *
from fastopt.training.lr_find import *
from fastopt.training.precision import *
from fastopt.training.schedule_free import *
from fastopt.training.replay import *
from fastopt.training.sam import *
from fastopt.training.closures import *
from fastopt.training.gradient_release import *
from fastopt.evidence.landscapes import *
from fastopt.core.registry import opts as opts # chkstyle: ignore - its other names are only for the module; `as`: for others too
from fastopt.evidence.conformance import check_optimizer as check_optimizer, wd_report as wd_report # chkstyle: ignore - likewise
