"""A hub from Python: search, descriptions, requests for access, downloads, regions of reads and variants.

>>> from genomehub.hub.client import Hub  # doctest: +SKIP
>>> hub = Hub("https://hub.example.org", token="ghub_...")
>>> for found in hub.search("exome", assay="WES"):
...     print(found.title)

It needs httpx alone; pandas and pysam are imported where they are asked for, if they are installed. It speaks
GA4GH DRS and htsget for files, so it also reads from other services that do.
"""

from genomehub.hub.client.files import File
from genomehub.hub.client.hub import Dataset, Found, Hub, Search
from genomehub.hub.client.regions import Region, Slice

__all__ = ["Dataset", "File", "Found", "Hub", "Region", "Search", "Slice"]
