"Shared by all tests: pictures are drawn without a screen."
import matplotlib

matplotlib.use('Agg')
