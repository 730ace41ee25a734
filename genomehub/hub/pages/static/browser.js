// The genome browser: igv.js over our own reference, with the tracks that the page names.
const place = document.getElementById("igv");
const state = document.getElementById("igv-state");
const config = JSON.parse(place.dataset.config);
try {
  const { default: igv } = await import(place.dataset.igv);
  await igv.createBrowser(place, { ...config, loadDefaultGenomes: false, showSampleNames: false });
  state.textContent = state.dataset.ready;
  place.dataset.drawn = "";
} catch (error) {
  state.textContent = `${state.dataset.failed} ${error.message ?? error}`;
}
