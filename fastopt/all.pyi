# Made by tests/stubs.py from all.py: run `python tests/stubs.py`
from fastopt.core.fastai_face import (stepper as stepper)
from fastopt.core.registry import (opts as opts)
from fastopt.core.rules import (Finite as Finite, NonNeg as NonNeg, Pos as Pos, Unit as Unit, Share as Share, Count as Count, Steps as
    Steps, Flag as Flag, Range as Range, OneOf as OneOf, Whole as Whole, zeros as zeros, clone as clone, Borrowed as Borrowed, Memo as Memo,
    Across as Across, term as term, decay as decay, shrink as shrink, descend as descend, maximize as maximize, Rule as Rule, Route as
    Route, matrices as matrices, route as route, ema_ as ema_, ema_sqr_ as ema_sqr_, unbias as unbias, unbias_root as unbias_root, at_least
    as at_least, root as root, cond as cond, larger as larger, smaller as smaller, each as each, norm as norm, mean as mean, row_mean as
    row_mean)
from fastopt.optim.adabelief import (adabelief as adabelief, adabelief_plain as adabelief_plain, adabelief_ams as adabelief_ams, AdaBelief
    as AdaBelief, yogi as yogi, Yogi as Yogi, laprop as laprop, LaProp as LaProp)
from fastopt.optim.adam import (adamw as adamw, adam as adam, Adam as Adam, AdamW as AdamW, amsgrad as amsgrad, AMSGrad as AMSGrad, radam as
    radam, radam_hold as radam_hold, RAdam as RAdam)
from fastopt.optim.adam_mini import (adam_mini as adam_mini, AdamMini as AdamMini)
from fastopt.optim.adamod import (adamod as adamod, AdaMod as AdaMod, diffmod as diffmod, deepmemory as deepmemory, DiffMod as DiffMod,
    DeepMemory as DeepMemory)
from fastopt.optim.adan import (adan_no_prox as adan_no_prox, adan as adan, Adan as Adan, adoptw as adoptw, adopt as adopt, ADOPT as ADOPT,
    ADOPTW as ADOPTW, mars_adamw as mars_adamw, mars_lion as mars_lion, mars as mars, MARS as MARS, MARSAdamW as MARSAdamW, MARSLion as
    MARSLion)
from fastopt.optim.adaptive import (rprop as rprop, Rprop as Rprop, adagrad as adagrad, Adagrad as Adagrad, adadelta as adadelta, Adadelta
    as Adadelta, rmsprop_centered as rmsprop_centered, rmsprop as rmsprop, RMSprop as RMSprop, RMSpropCentered as RMSpropCentered, adamax as
    adamax, Adamax as Adamax, nadamw as nadamw, nadam as nadam, NAdam as NAdam, NAdamW as NAdamW, adafactor as adafactor, Adafactor as
    Adafactor)
from fastopt.optim.aggmo import (aggmo as aggmo, AggMo as AggMo, exp_betas as exp_betas, aggmo_of as aggmo_of)
from fastopt.optim.clipping import (sgd_clip as sgd_clip, sgdm_clip as sgdm_clip, adam_clip as adam_clip, SGDClip as SGDClip, SGDMClip as
    SGDMClip, AdamClip as AdamClip, clip_value as clip_value, clip_norm as clip_norm, clip_coords as clip_coords)
from fastopt.optim.demon import (demon_sgdm as demon_sgdm, demon_adam_wolfe as demon_adam_wolfe, demon_adam_damped as demon_adam_damped,
    demon_adam as demon_adam, DemonSGDM as DemonSGDM, DemonAdam as DemonAdam)
from fastopt.optim.diffgrad import (diffgrad as diffgrad, DiffGrad as DiffGrad, diffrgrad as diffrgrad, diffrgrad_hold as diffrgrad_hold,
    DiffRGrad as DiffRGrad, friction as friction)
from fastopt.optim.layerwise import (lamb as lamb, lamb_debiased as lamb_debiased, LAMB as LAMB, lars as lars, LARS as LARS, trust as trust)
from fastopt.optim.learning_rate_free import (prodigy_l2 as prodigy_l2, prodigy as prodigy, Prodigy as Prodigy, dadapt_adamw as
    dadapt_adamw, dadapt_adam as dadapt_adam, DAdaptAdam as DAdaptAdam, dadapt_sgd as dadapt_sgd, DAdaptSGD as DAdaptSGD)
from fastopt.optim.lion import (cautious_adamw as cautious_adamw, cautious_lion as cautious_lion, lion as lion, Lion as Lion, CautiousLion
    as CautiousLion, CautiousAdamW as CautiousAdamW, cautious as cautious)
from fastopt.optim.lookahead import (ranger as ranger, ranger20 as ranger20, rangerqh as rangerqh, Ranger as Ranger, RangerQH as RangerQH,
    ranger19 as ranger19, lookahead as lookahead, centralize as centralize)
from fastopt.optim.muon import (muon as muon, Muon as Muon, hidden_matrices as hidden_matrices)
from fastopt.optim.qhadam import (qhadamw as qhadamw, qhadam as qhadam, QHAdam as QHAdam, QHAdamW as QHAdamW)
from fastopt.optim.qhm import (qhm as qhm, QHM as QHM)
from fastopt.optim.ranger21 import (ranger21 as ranger21, Ranger21 as Ranger21, agc as agc)
from fastopt.optim.schedulefree import (schedulefree_sgd as schedulefree_sgd, schedulefree_adamw as schedulefree_adamw, schedulefree_radam
    as schedulefree_radam, ScheduleFreeSGD as ScheduleFreeSGD, ScheduleFreeAdamW as ScheduleFreeAdamW, ScheduleFreeRAdam as
    ScheduleFreeRAdam)
from fastopt.optim.sgd import (sgd as sgd, momentum as momentum, nesterov as nesterov, SGD as SGD, Momentum as Momentum, Nesterov as
    Nesterov, asgd as asgd, ASGD as ASGD, heavy_ball as heavy_ball)
from fastopt.optim.shampoo import (shampoo as shampoo, Shampoo as Shampoo, soap as soap, SOAP as SOAP)
from fastopt.optim.sophia import (sophia as sophia, Sophia as Sophia, learn_curvature as learn_curvature, SophiaHessian as SophiaHessian)
from fastopt.optim.stableadamw import (stableadamw as stableadamw, StableAdamW as StableAdamW, stabilize as stabilize)
from fastopt.optim.yellowfin import (yellowfin as yellowfin, YellowFin as YellowFin)
from fastopt.training.closures import (Closure as Closure)
from fastopt.training.flat_anneal import (flat_cos as flat_cos, fc_scheds as fc_scheds, plot_fc as plot_fc)
from fastopt.training.gradient_release import (ReleaseGrads as ReleaseGrads, release_gradients as release_gradients)
from fastopt.training.precision import (PureBF16 as PureBF16)
from fastopt.training.resume import (SaveResume as SaveResume)
from fastopt.training.sam import (SAM as SAM)
from fastopt.training.schedule_free import (ScheduleFree as ScheduleFree)
from fastopt.training.schedules import (switch_opt as switch_opt, Schedule as Schedule, save_schedules as save_schedules, load_schedules as
    load_schedules, plot_schedule as plot_schedule, plateau as plateau, warmup_steps as warmup_steps, warmup_fc as warmup_fc, wsd as wsd,
    explore as explore, cos_restarts as cos_restarts, demon as demon, sgd_rates as sgd_rates, SwitchOpt as SwitchOpt)
from fastopt.evidence.adaptive_rates import (RateHistogram as RateHistogram, plot_rates as plot_rates)
from fastopt.evidence.animations import (animate_paths as animate_paths, surface_html as surface_html)
from fastopt.evidence.compare import (compare as compare)
from fastopt.evidence.conformance import (check_optimizer as check_optimizer, wd_report as wd_report)
from fastopt.evidence.diagnostics import (Sharpness as Sharpness, WatchBound as WatchBound, WatchClip as WatchClip, WatchFriction as
    WatchFriction, WatchUpdates as WatchUpdates)
from fastopt.evidence.landscapes import (plot_landscape as plot_landscape, plot_paths as plot_paths)
from fastopt.evidence.loss_plane import (WeightPath as WeightPath, plot_loss_plane as plot_loss_plane)
from fastopt.evidence.problems import (Problem as Problem)
from fastopt.evidence.sweeps import (lr_sweep as lr_sweep, lr_wd_sweep as lr_wd_sweep)
from fastopt.distributed.federated import (Federated as Federated)
from fastopt.distributed.monna import (MoNNA as MoNNA)
from fastopt.distributed.peers import (ClusterLink as ClusterLink, MixWithPeers as MixWithPeers)
from fastopt.distributed.transport import (TCPLink as TCPLink)
