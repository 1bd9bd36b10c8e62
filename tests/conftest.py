"Shared by all tests: pictures are drawn without a screen, and everything runs on one thread, here and in what tests start: some fork, others compare to the bit."
import os
os.environ['OMP_NUM_THREADS'] = '1' # PyTorch reads it as it is loaded. After work on several threads a fork hangs at its first such work
import matplotlib

matplotlib.use('Agg')

def pytest_terminal_summary(terminalreporter):
    "How many of all rules x checks passed; tests count them as the property `checks`"
    found = [v for r in terminalreporter.getreports('passed')+terminalreporter.getreports('failed') for k,v in r.user_properties if k=='checks']
    if found: terminalreporter.write_line(f"rules x checks: {' of '.join(str(sum(o)) for o in zip(*found))}")
