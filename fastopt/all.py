from fastopt.rules import *
from fastopt.faces import *
from fastopt.sgd import *
from fastopt.adam import *
from fastopt.diffgrad import *
from fastopt.adamod import *
from fastopt.qhadam import *
from fastopt.lookahead import *
from fastopt.schedule import *
from fastopt.schedules import *
from fastopt.resume import *
from fastopt.landscapes import *
from fastopt.check import check_optimizer, wd_report # chkstyle: ignore - its other names are only for the module
