"""From a source system to a release that is safe to publish. Knows nothing of CKAN."""
