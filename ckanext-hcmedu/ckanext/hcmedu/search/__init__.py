"""Search in Vietnamese: what stands in the index (`documents`) and how it is asked (`queries`).

How texts are cut and folded says `config/solr/vietnamese.xml`.
"""
