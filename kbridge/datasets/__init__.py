"""Small data sets to learn from: fetched once, kept in the cache, read without trusting what is in the files."""

from kbridge.datasets import boston_housing as boston_housing
from kbridge.datasets import california_housing as california_housing
from kbridge.datasets import cifar10 as cifar10
from kbridge.datasets import cifar100 as cifar100
from kbridge.datasets import digits as digits
from kbridge.datasets import fashion_mnist as fashion_mnist
from kbridge.datasets import imdb as imdb
from kbridge.datasets import mnist as mnist
from kbridge.datasets import reuters as reuters
