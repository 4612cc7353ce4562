"""The training or the test half of a data set, in the form in which it lies."""

from edgehybrid.data.arrays import Split
from edgehybrid.data.folders import ImageFiles
from edgehybrid.data.records import Records

Half = Split | ImageFiles | Records
