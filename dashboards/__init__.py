"""The dashboards of Grafana: `python -m dashboards` writes them to `compose/grafana/dashboards/`."""
