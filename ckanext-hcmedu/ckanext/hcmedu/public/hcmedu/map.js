// Schools on a map, drawn with Leaflet over what stands there without this script. Every school is
// in the list beside it as well, so the map is one way to them, not the only one.
const COLOURS = ["--chart-1", "--chart-2", "--chart-3", "--chart-4", "--chart-5"];

for (const place of document.querySelectorAll("[data-points]")) draw(place);

async function draw(place) {
  const answer = await fetch(place.dataset.points);
  if (!answer.ok) return;
  const schools = await answer.json();
  if (!schools.features.length) return;
  const levels = Object.fromEntries(JSON.parse(place.dataset.levels));
  const style = getComputedStyle(document.documentElement);
  const colour = (level) =>
    style.getPropertyValue(COLOURS[Object.keys(levels).indexOf(level)] ?? "--ink").trim();

  place.replaceChildren();
  const still = matchMedia("(prefers-reduced-motion: reduce)").matches;
  const map = L.map(place, {
    preferCanvas: true, zoomAnimation: !still, fadeAnimation: !still, attributionControl: false,
    // A finger that scrolls the page is not caught by the map.
    scrollWheelZoom: false, dragging: !L.Browser.mobile, zoomControl: false,
  });
  L.control.zoom({ zoomInTitle: place.dataset.closer, zoomOutTitle: place.dataset.farther }).addTo(map);
  if (place.dataset.tiles) {
    L.tileLayer(place.dataset.tiles, { maxZoom: 19 }).addTo(map);
    L.control.attribution({ prefix: false }).addAttribution(place.dataset.attribution).addTo(map);
  }
  if (place.dataset.boundaries) {
    const found = await fetch(place.dataset.boundaries);
    if (found.ok) {
      const line = { color: style.getPropertyValue("--line-strong").trim(), weight: 1, fillOpacity: 0.04 };
      L.geoJSON(await found.json(), { style: line, interactive: false }).addTo(map);
    }
  }
  const points = L.geoJSON(schools, {
    pointToLayer: ({ properties }, where) =>
      L.circleMarker(where, {
        radius: 6, weight: 1, color: "#fff", fillColor: colour(properties.level), fillOpacity: 0.9,
      }),
    onEachFeature: ({ properties }, layer) => {
      const link = document.createElement("a");
      link.href = place.dataset.school.replace("CODE", encodeURIComponent(properties.code));
      link.textContent = properties.name;
      layer.bindPopup(link);
    },
  }).addTo(map);
  map.fitBounds(points.getBounds(), { padding: [24, 24], maxZoom: 15 });
  const legend = document.createElement("ul");
  legend.className = "map-legend";
  for (const [level, name] of Object.entries(levels)) {
    if (!schools.features.some(({ properties }) => properties.level === level)) continue;
    const entry = document.createElement("li");
    const dot = document.createElement("span");
    dot.style.background = colour(level);
    entry.append(dot, name);
    legend.append(entry);
  }
  place.after(legend);
}
