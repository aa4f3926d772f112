"""The parts of all dashboards: panels with a unit, thresholds and a sentence that explains them."""

from collections.abc import Sequence
from typing import Any

from grafana_foundation_sdk.builders import bargauge, common, prometheus, stat, table, timeseries
from grafana_foundation_sdk.builders import dashboard as build
from grafana_foundation_sdk.cog.builder import Builder
from grafana_foundation_sdk.models import dashboard as model
from grafana_foundation_sdk.models.common import (
    BigValueColorMode,
    BigValueGraphMode,
    GraphTresholdsStyleMode,
    LegendDisplayMode,
    LegendPlacement,
    TooltipDisplayMode,
    VizOrientation,
)
from grafana_foundation_sdk.models.prometheus import PromQueryFormat

__all__ = ["PAGES", "SOURCE", "Query", "bars", "firing", "lines", "number", "page", "query_variable"]

SOURCE = model.DataSourceRef(type_val="prometheus", uid="watchkeeper-prometheus")
"""The data source of all panels, as compose/grafana provisions it."""
TAG = "watchkeeper"
"""The tag by which dashboards link to each other."""
PAGES = "http://localhost:8090/docs/runbooks"
"""Address of the runbooks as compose/ serves them: the default of each dashboard's variable `pages`."""

Panel = Builder[model.Panel]
"""A panel of any kind."""
Query = tuple[str, str]
"""A PromQL expression, and the legend of its series."""
Step = tuple[float | None, str]
"""The value from which a colour is shown (None: the lowest), and the colour."""

GOOD: tuple[Step, ...] = ((None, "green"),)
"""Colours of a number that is never bad."""
ANY_IS_BAD: tuple[Step, ...] = ((None, "green"), (1, "red"))
"""Colours of a count that should be 0, and wakes on-call otherwise."""
ANY_IS_ODD: tuple[Step, ...] = ((None, "green"), (1, "orange"))
"""Colours of a count that should be 0, and is a ticket otherwise."""


def _steps(steps: Sequence[Step]) -> build.ThresholdsConfig:
    found = [model.Threshold(value=value, color=color) for value, color in steps]
    return build.ThresholdsConfig().mode(model.ThresholdsMode.ABSOLUTE).steps(found)


def _targets(queries: Sequence[Query], instant: bool, as_table: bool = False) -> list[Any]:
    targets = []
    for number, (expr, legend) in enumerate(queries):
        target = prometheus.Dataquery().expr(expr).legend_format(legend).ref_id(chr(ord("A") + number))
        target = target.datasource(SOURCE)
        target = target.instant() if instant else target.range()
        targets.append(target.format(PromQueryFormat.TABLE) if as_table else target)
    return targets


def number(
    title: str, what: str, expr: str, unit: str = "short", steps: Sequence[Step] = GOOD, wide: int = 4
) -> Panel:
    """Return a panel with one number, coloured by its thresholds."""
    panel = stat.Panel().title(title).description(what).datasource(SOURCE)
    panel = panel.targets(_targets([(expr, "")], instant=True)).unit(unit).thresholds(_steps(steps))
    panel = panel.color_mode(BigValueColorMode.BACKGROUND).graph_mode(BigValueGraphMode.NONE)
    return panel.no_value("-").height(4).span(wide)


def lines(
    title: str,
    what: str,
    *queries: Query,
    unit: str = "short",
    steps: Sequence[Step] = (),
    wide: int = 12,
) -> Panel:
    """Return a panel with values over time. Areas above a threshold are coloured."""
    panel = timeseries.Panel().title(title).description(what).datasource(SOURCE)
    panel = panel.targets(_targets(queries, instant=False)).unit(unit).height(8).span(wide)
    panel = panel.line_width(1).fill_opacity(5)
    legend = common.VizLegendOptions().display_mode(LegendDisplayMode.LIST).show_legend(True)
    panel = panel.legend(legend.placement(LegendPlacement.BOTTOM))
    panel = panel.tooltip(common.VizTooltipOptions().mode(TooltipDisplayMode.MULTI))
    if not steps:
        return panel
    style = common.GraphThresholdsStyleConfig().mode(GraphTresholdsStyleMode.LINE_AND_AREA)
    return panel.thresholds(_steps(steps)).thresholds_style(style)


def bars(
    title: str,
    what: str,
    query: Query,
    unit: str = "short",
    steps: Sequence[Step] = GOOD,
    wide: int = 12,
    link: str | None = None,
) -> Panel:
    """Return a panel with the highest current values."""
    panel = bargauge.Panel().title(title).description(what).datasource(SOURCE)
    panel = panel.targets(_targets([query], instant=True)).unit(unit).thresholds(_steps(steps))
    panel = panel.orientation(VizOrientation.HORIZONTAL).height(8).span(wide).no_value("-")
    return panel.data_links([build.DashboardLink("The model").url(link)]) if link else panel


def firing(title: str, what: str, expr: str, wide: int = 24) -> Panel:
    """Return a table of the firing alerts, with links to the runbook and to the model."""
    hidden = {"Time": True, "Value": True, "__name__": True, "job": True, "instance": True}
    panel = table.Panel().title(title).description(what).datasource(SOURCE).height(7).span(wide)
    panel = panel.targets(_targets([(expr, "")], instant=True, as_table=True)).no_value("Nothing fires")
    panel = panel.with_transformation(
        model.DataTransformerConfig(id_val="organize", options={"excludeByName": hidden})
    )
    panel = panel.override_by_name(
        "alertname",
        [_link("Runbook", "${pages}/${__value.raw}.md"), model.DynamicConfigValue("custom.width", 300)],
    )
    panel = panel.override_by_name(
        "subject", [_link("The model", "/d/watchkeeper-model?var-subject=${__value.raw}")]
    )
    return panel.override_by_name(
        "severity", [_colours({"critical": "red", "warning": "orange", "info": "blue"})]
    )


def _link(title: str, url: str) -> model.DynamicConfigValue:
    return model.DynamicConfigValue("links", [{"title": title, "url": url, "targetBlank": True}])


def _colours(colours: dict[str, str]) -> model.DynamicConfigValue:
    options = {text: {"text": text, "color": colour} for text, colour in colours.items()}
    return model.DynamicConfigValue("mappings", [{"type": "value", "options": options}])


Variable = Builder[model.VariableModel]
"""A variable of a dashboard."""


def query_variable(name: str, label: str, query: str, *, several: bool = True) -> Variable:
    """Return a variable with the values of a label. The reader selects one or several."""
    variable = build.QueryVariable(name).label(label).datasource(SOURCE).query(query)
    variable = variable.refresh(model.VariableRefresh.ON_TIME_RANGE_CHANGED).sort(
        model.VariableSort.ALPHABETICAL_ASC
    )
    if not several:
        return variable
    everything = model.VariableOption(selected=True, text=["All"], value=["$__all"])
    return variable.multi(True).include_all(True).all_value(".*").current(everything)


def _annotation(name: str, expr: str, colour: str) -> build.AnnotationQuery:
    return build.AnnotationQuery().name(name).datasource(SOURCE).expr(expr).enable(True).icon_color(colour)


def page(
    uid: str,
    title: str,
    what: str,
    alerts: str,
    variables: Sequence[Variable],
    rows: Sequence[tuple[str, Sequence[Panel]]],
    span: str = "now-6h",
) -> model.Dashboard:
    """Return a dashboard. `alerts` is the expression for the alerts that are drawn as annotations."""
    board = build.Dashboard(title).uid(uid).description(what).tags([TAG]).timezone("browser").readonly()
    board = board.time(span, "now").refresh("30s").tooltip(model.DashboardCursorSync.CROSSHAIR)
    to_others = build.DashboardLink("Watchkeeper").type(model.DashboardLinkType.DASHBOARDS).tags([TAG])
    board = board.link(to_others.keep_time(True))
    to_runbooks = build.DashboardLink("Runbooks").type(model.DashboardLinkType.LINK).url("${pages}/README.md")
    board = board.link(to_runbooks.target_blank(True).icon("doc"))
    board = board.annotation(_annotation("Alerts of models", alerts, "red"))
    of_rules = 'ALERTS{alertstate="firing", alertname!="DeadMansSwitch"}'
    board = board.annotation(_annotation("Alerts of Prometheus", of_rules, "orange"))
    pages = model.VariableOption(selected=True, text=PAGES, value=PAGES)
    board = board.with_variable(
        build.TextBoxVariable("pages").label("Runbooks at").default_value(PAGES).current(pages)
    )
    for variable in variables:
        board = board.with_variable(variable)
    for name, panels in rows:
        board = board.with_row(build.Row(name))
        for panel in panels:
            board = board.with_panel(panel)
    return board.build()
