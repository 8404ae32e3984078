// Draws statistics. The numbers come from the API; the minute that is not over is counted from the events that arrive meanwhile.
(() => {
  const MINUTE_MS = 60_000;
  const REFRESH_MS = 15_000;
  const HEIGHT = 200;
  const LIVE_SPAN_MS = 15 * MINUTE_MS;
  const groups = new Map();
  const live = new Map();

  const size = (value) => {
    const units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let unit = 0;
    while (value >= 1024 && unit < 4) {
      value /= 1024;
      unit++;
    }
    return `${value >= 100 || unit === 0 ? Math.round(value) : value.toFixed(1)} ${units[unit]}`;
  };
  const number = new Intl.NumberFormat("en", { maximumFractionDigits: 1 });
  const duration = (value) => value >= 1000 ? `${number.format(value / 1000)} s` : `${number.format(value)} ms`;

  const KINDS = {
    requests: {
      series: [["Requests", "--chart-1", (at) => at.requests], [
        "Errors",
        "--chart-bad",
        (at) => at.errors + at.expired,
      ]],
      format: (value) => number.format(value),
    },
    durations: {
      series: [["Average", "--chart-1", (at) => at.averageDurationMs], [
        "Slowest",
        "--chart-2",
        (at) => at.maximumDurationMs,
      ]],
      format: duration,
    },
    bytes: {
      series: [["In", "--chart-1", (at) => at.requestBytes], ["Out", "--chart-2", (at) => at.responseBytes]],
      format: size,
    },
  };

  const EMPTY = {
    requests: 0,
    errors: 0,
    expired: 0,
    requestBytes: 0,
    responseBytes: 0,
    averageDurationMs: null,
    maximumDurationMs: null,
  };

  function count({ startedAtMs, started, durationMs, outcome, requestBytes, relayedResponseBytes, tenantId }) {
    const ended = (startedAtMs ?? Date.parse(started)) + durationMs;
    const minute = Math.floor(ended / MINUTE_MS) * MINUTE_MS;
    const totals = live.get(minute) ??
      { requests: 0, errors: 0, expired: 0, requestBytes: 0, responseBytes: 0, sum: 0, max: 0 };
    if (!tenantId) return;
    totals.requests++;
    if (outcome === "failed" || outcome === "errored") totals.errors++;
    if (outcome === "expired") totals.expired++;
    totals.requestBytes += requestBytes ?? 0;
    totals.responseBytes += relayedResponseBytes ?? 0;
    totals.sum += durationMs;
    totals.max = Math.max(totals.max, durationMs);
    live.set(minute, totals);
    if (live.size > 5) live.delete(live.keys().next().value);
  }

  function merge(point, totals) {
    const requests = point.requests + totals.requests;
    const sum = (point.averageDurationMs ?? 0) * point.requests + totals.sum;
    return {
      requests,
      errors: point.errors + totals.errors,
      expired: point.expired + totals.expired,
      requestBytes: point.requestBytes + totals.requestBytes,
      responseBytes: point.responseBytes + totals.responseBytes,
      averageDurationMs: requests === 0 ? null : sum / requests,
      maximumDurationMs: Math.max(point.maximumDurationMs ?? 0, totals.max),
    };
  }

  function pointsOf({ results, fetchedAt, spanMs, stepMs }) {
    const byStart = new Map(results.map((result) => [Date.parse(result.start), result]));
    // A step that is not over looks like an outage, unless one looks at minutes.
    const open = spanMs > LIVE_SPAN_MS ? stepMs : 0;
    const last = Math.floor(Date.now() / stepMs) * stepMs - open;
    const first = last - spanMs + stepMs;
    // Minutes are written some seconds after they are over.
    const written = Math.floor((fetchedAt - 5_000) / MINUTE_MS) * MINUTE_MS;
    for (const [minute, totals] of live) {
      if (minute < written) continue;
      const start = Math.floor(minute / stepMs) * stepMs;
      byStart.set(start, merge(byStart.get(start) ?? EMPTY, totals));
    }
    const starts = [];
    for (let start = first; start <= last; start += stepMs) starts.push(start);
    return starts.map((start) => [start, byStart.get(start) ?? EMPTY]);
  }

  function colorOf(name) {
    return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
  }

  const clock = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit", hour12: false });
  const day = new Intl.DateTimeFormat(undefined, { month: "short", day: "numeric" });
  const DAY_S = 86_400;

  /** Hours within a day, days beyond. */
  function timeLabels(_chart, splits) {
    const isLong = splits.length > 1 && splits.at(-1) - splits[0] > 1.5 * DAY_S;
    return splits.map((seconds) => (isLong ? day : clock).format(seconds * 1000));
  }

  function optionsOf(figure, width) {
    const { series, format } = KINDS[figure.dataset.chart];
    const axis = {
      stroke: () => colorOf("--muted"),
      grid: { stroke: () => colorOf("--line"), width: 1 },
      ticks: { show: false },
      font: "12px system-ui, sans-serif",
    };
    return {
      width,
      height: HEIGHT,
      padding: [8, 22, 0, 0],
      cursor: { y: false, points: { size: 7 } },
      scales: { y: { range: (_chart, _minimum, maximum) => [0, Math.max(maximum * 1.1, 1)] } },
      series: [{ value: (_chart, value) => value === null ? "–" : new Date(value * 1000).toLocaleString() }].concat(
        series.map(([label, color]) => ({
          label,
          stroke: () => colorOf(color),
          fill: () => `${colorOf(color)}1f`,
          width: 2,
          spanGaps: true,
          points: { show: (chart) => chart.data[0].length < 3 },
          value: (_chart, value) => value === null || value === undefined ? "–" : format(value),
        })),
      ),
      axes: [
        { ...axis, space: 64, size: 30, values: timeLabels },
        { ...axis, size: 66, values: (_chart, values) => values.map(format) },
      ],
    };
  }

  function draw(group) {
    const points = pointsOf(group);
    for (const figure of group.figures) {
      const { series } = KINDS[figure.dataset.chart];
      const data = [
        points.map(([start]) => start / 1000),
        ...series.map(([, , read]) => points.map(([, at]) => read(at))),
      ];
      const box = figure.querySelector("[data-plot]");
      if (figure.plot === undefined) {
        box.replaceChildren();
        figure.plot = new uPlot(optionsOf(figure, box.clientWidth), data, box);
      } else figure.plot.setData(data);
    }
  }

  async function refresh(group) {
    const { url, spanMs, stepMs } = group;
    const fetchedAt = Date.now();
    const from = new Date(fetchedAt - spanMs).toISOString();
    const minutes = stepMs / MINUTE_MS;
    const days = Math.floor(minutes / 1440);
    const clock = `${String(Math.floor(minutes / 60) % 24).padStart(2, "0")}:${
      String(minutes % 60).padStart(2, "0")
    }:00`;
    const query = new URLSearchParams({ from, resolution: days > 0 ? `${days}.${clock}` : clock });
    try {
      const answer = await fetch(`${url}?${query}`);
      if (!answer.ok) throw new Error(`status ${answer.status}`);
      group.results = (await answer.json()).results;
      group.fetchedAt = fetchedAt;
      for (const figure of group.figures) delete figure.dataset.stale;
    } catch {
      // The line above says that the connection is lost; what was drawn stays.
      for (const figure of group.figures) figure.dataset.stale = "";
    }
    if (group.results !== undefined) draw(group);
  }

  for (const figure of document.querySelectorAll("figure[data-chart]")) {
    const { url, span, step } = figure.dataset;
    const group = groups.get(url) ?? { url, spanMs: Number(span), stepMs: Number(step), figures: [] };
    group.figures.push(figure);
    groups.set(url, group);
  }
  const redraw = () => groups.forEach((group) => group.results && draw(group));
  const refreshAll = () => groups.forEach(refresh);
  let isDue = false;
  document.addEventListener("relay-request", (event) => {
    count(event.detail);
    isDue = true;
  });
  document.addEventListener(
    "relay-theme",
    () => groups.forEach((group) => group.figures.forEach(({ plot }) => plot?.redraw())),
  );
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", redraw);
  addEventListener("resize", () => {
    for (const { figures } of groups.values()) {
      for (const figure of figures) {
        figure.plot?.setSize({ width: figure.querySelector("[data-plot]").clientWidth, height: HEIGHT });
      }
    }
  });
  setInterval(() => {
    if (isDue && !document.hidden) redraw();
    isDue = false;
  }, 1000);
  setInterval(() => !document.hidden && refreshAll(), REFRESH_MS);
  refreshAll();
})();
