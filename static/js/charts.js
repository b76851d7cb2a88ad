// Charts from JSON (templates/components/chart.html), in the colours of the theme. The shape of the data is in
// templates/components/README.md. Nothing is animated: a figure changes in place.
const { Chart } = window;

const drawn = new Map();
const language = document.documentElement.lang || "en";
const exact = new Intl.NumberFormat(language);

const token = (name) => getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim();

const tint = (colour, share) =>
  `${colour}${Math.round(share * 255)
    .toString(16)
    .padStart(2, "0")}`;

// 412,380 is 412.4 k on an axis, and only there.
const onAxis = (value) => {
  const size = Math.abs(value);
  if (size < 10_000) return exact.format(size);
  return `${new Intl.NumberFormat(language, { maximumFractionDigits: 1 }).format(size / 1000)} k`;
};

const lineSet = (series, colour, last) => ({
  label: series.label,
  data: series.values,
  borderColor: colour,
  backgroundColor: tint(colour, 0.07),
  borderWidth: 2,
  tension: 0.2,
  cubicInterpolationMode: "monotone",
  fill: series.fill ? "start" : false,
  pointRadius: (context) => (context.dataIndex === last ? 4 : 0),
  pointHoverRadius: 4,
  pointBackgroundColor: colour,
  pointBorderColor: token("surface"),
  pointBorderWidth: 1.5,
  clip: false,
});

// Gains and losses stand in one column; parts of each other, such as displayed of accepted, never.
const barSet = (series, colour, stack) => ({
  label: series.label,
  data: series.values.map((value) => (series.down ? -value : value)),
  backgroundColor: colour,
  borderRadius: 2,
  borderSkipped: false,
  barPercentage: 0.86,
  categoryPercentage: 0.86,
  stack,
});

// The last moment with a figure: later ones may be still to come.
const lastIndex = (values) => values.reduce((last, value, index) => (value === null ? last : index), -1);

const datasets = (data) =>
  data.series.map((series) => {
    const colour = token(series.colour ?? "c1");
    const stack = data.series.some(({ down }) => down) ? "one" : series.label;
    return data.type === "bars" ? barSet(series, colour, stack) : lineSet(series, colour, lastIndex(series.values));
  });

// An event that explains a dent: a dashed line with its words at the foot.
const marks = {
  id: "marks",
  afterDatasetsDraw(chart, _args, options) {
    const { ctx, chartArea, scales } = chart;
    for (const mark of options.marks ?? []) {
      const x = scales.x.getPixelForValue(mark.at);
      ctx.save();
      ctx.strokeStyle = token("ctl");
      ctx.setLineDash([3, 3]);
      ctx.beginPath();
      ctx.moveTo(x, chartArea.top);
      ctx.lineTo(x, chartArea.bottom);
      ctx.stroke();
      ctx.fillStyle = token("ink-2");
      ctx.font = `12px ${getComputedStyle(document.body).fontFamily}`;
      const right = x > (chartArea.left + chartArea.right) / 2;
      ctx.textAlign = right ? "right" : "left";
      ctx.fillText(mark.text, x + (right ? -6 : 6), chartArea.bottom - 8);
      ctx.restore();
    }
  },
};

// Words under the last point and at even steps before it, as many as have room.
function everySo(value, index, all) {
  const step = Math.ceil(all.length / Math.min(7, this.chart.width / 84));
  return (all.length - 1 - index) % step === 0 ? this.getLabelForValue(value) : null;
}

const options = (data) => {
  const font = { family: getComputedStyle(document.body).fontFamily, size: 12 };
  const ticks = { color: token("ink-3"), font };
  return {
    animation: false,
    responsive: true,
    maintainAspectRatio: false,
    interaction: { mode: "index", intersect: false },
    layout: { padding: { right: 6 } },
    plugins: {
      legend: { display: false },
      marks: { marks: data.marks },
      tooltip: {
        backgroundColor: token("ink"),
        titleColor: token("paper"),
        bodyColor: token("paper"),
        titleFont: font,
        bodyFont: font,
        cornerRadius: 6,
        padding: 10,
        boxPadding: 4,
        callbacks: { label: (item) => ` ${item.dataset.label}: ${exact.format(Math.abs(item.parsed.y))}` },
      },
    },
    scales: {
      x: {
        stacked: data.type === "bars",
        grid: { display: false },
        border: { color: token("line-2") },
        ticks: {
          ...ticks,
          align: "inner",
          autoSkip: false,
          maxRotation: 0,
          display: data.axis !== false,
          callback: everySo,
        },
      },
      y: {
        stacked: data.type === "bars",
        beginAtZero: data.from !== "auto",
        grace: data.from === "auto" ? "10%" : 0,
        suggestedMax: data.type === "bars" ? undefined : (data.max ?? 4),
        grid: { color: token("line"), drawTicks: false },
        border: { display: false },
        // A shared width puts the columns of two charts with the same x under each other.
        afterFit: (scale) => (scale.width = 54),
        ticks: { ...ticks, padding: 8, precision: 0, maxTicksLimit: data.low ? 3 : 5, callback: onAxis },
      },
    },
  };
};

const draw = (box) => {
  const data = JSON.parse(document.getElementById(box.dataset.chart).textContent);
  if (data.from === "auto") data.max = undefined;
  drawn.get(box)?.destroy();
  const chart = new Chart(box.querySelector("canvas"), {
    type: data.type === "bars" ? "bar" : "line",
    data: { labels: data.labels, datasets: datasets(data) },
    options: options(data),
    plugins: [marks],
  });
  drawn.set(box, chart);
};

const cell = (kind, text, numeric) => {
  const made = document.createElement(kind);
  made.textContent = text;
  if (numeric) made.className = "num";
  return made;
};

const table = (data) => {
  const made = document.createElement("table");
  made.className = "table-plain table-dense table-flush";
  const head = made.createTHead().insertRow();
  head.append(cell("th", data.x ?? ""), ...data.series.map((series) => cell("th", series.label, true)));
  for (const heading of head.cells) heading.scope = "col";
  const body = made.createTBody();
  data.labels.forEach((label, index) => {
    const row = body.insertRow();
    const name = cell("th", label);
    name.scope = "row";
    const figures = data.series.map(({ values }) => values[index]);
    row.append(name, ...figures.map((value) => cell("td", value === null ? "·" : exact.format(value), true)));
  });
  return made;
};

document.addEventListener("click", (event) => {
  const button = event.target.closest?.("[data-chart-table]");
  if (!button) return;
  const id = button.dataset.chartTable;
  const place = document.getElementById(`${id}-table`);
  const word = button.querySelector("span");
  button.dataset.show ??= word.textContent;
  place.hidden = !place.hidden;
  button.setAttribute("aria-expanded", String(!place.hidden));
  word.textContent = place.hidden ? button.dataset.show : button.dataset.hide;
  if (!place.hidden) place.replaceChildren(table(JSON.parse(document.getElementById(id).textContent)));
});

const drawAll = (root) => {
  for (const box of root.querySelectorAll("[data-chart]")) draw(box);
};

const forget = () => {
  for (const [box, chart] of drawn) {
    if (box.isConnected) continue;
    chart.destroy();
    drawn.delete(box);
  }
};

drawAll(document);
document.addEventListener("beckon:theme", () => drawAll(document));
document.addEventListener("htmx:afterSettle", (event) => {
  forget();
  drawAll(event.target);
});
// Canvas text falls back silently while the font is on its way.
document.fonts.load("12px 'Inter Variable'").then(() => drawAll(document));
