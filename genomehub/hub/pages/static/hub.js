// Comfort over pages that work without it: theme, live facets, copying, forms.
const all = (selector, root = document) => [...root.querySelectorAll(selector)];

const theme = document.getElementById("theme");
theme.hidden = false;
theme.addEventListener("click", () => {
  const root = document.documentElement;
  const dark = root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
  root.dataset.theme = dark ? "light" : "dark";
  try { localStorage.setItem("theme", root.dataset.theme); } catch { /* not kept */ }
});

// The catalogue: a choice asks for the same page again and puts its list in place.
const finder = document.getElementById("finder");
let asked = 0;
if (finder) {
  const search = async () => {
    const number = ++asked;
    const fields = [...new FormData(finder)].filter(([, value]) => value !== "");
    const address = `${finder.getAttribute("action")}?${new URLSearchParams(fields)}`;
    const answer = await fetch(address, { headers: { Accept: "text/html" } });
    const page = new DOMParser().parseFromString(await answer.text(), "text/html");
    if (number !== asked || !page.getElementById("finder")) return;
    const active = document.activeElement;
    const open = all("details[open]").map((one) => one.closest("fieldset")?.querySelector("legend").textContent);
    for (const part of all("[data-live]", finder)) part.replaceWith(page.getElementById(part.id));
    for (const day of all("input[type=date]", finder)) day.ariaInvalid = page.getElementById(day.id).ariaInvalid;
    for (const one of all("fieldset details", finder))
      one.open = open.includes(one.closest("fieldset").querySelector("legend").textContent);
    if (active?.name && active.form === null)
      all(`[name="${active.name}"]`, finder).find((one) => one.value === active.value)?.focus();
    history.replaceState(null, "", address);
    for (const tongue of all(".tongues a")) tongue.search = new URL(address, location).search;
  };
  let typed;
  finder.addEventListener("change", ({ target }) => {
    clearTimeout(typed);
    if (target.type === "date") typed = setTimeout(() => { if (target.validity.valid) search(); }, 600);
    else if (target.name !== "q") search();
  });
}

// Copy what is meant to be copied.
for (const text of navigator.clipboard ? all(".copy") : []) {
  const button = document.createElement("button");
  button.type = "button";
  button.className = "copier small";
  button.textContent = document.body.dataset.copy;
  button.addEventListener("click", async () => {
    await navigator.clipboard.writeText(text.textContent.trim());
    button.dataset.done = "";
    setTimeout(() => delete button.dataset.done, 1500);
  });
  text.after(button);
}

for (const form of all("form[data-confirm]"))
  form.addEventListener("submit", (event) => { if (!confirm(form.dataset.confirm)) event.preventDefault(); });

// The description's form: show one language, warn before unsaved words are lost.
const description = document.getElementById("description");
if (description) {
  const tabs = document.getElementById("tabs");
  tabs.hidden = false;
  tabs.addEventListener("click", ({ target }) => {
    if (!target.dataset.show) return;
    for (const tab of all("button", tabs)) tab.setAttribute("aria-pressed", String(tab === target));
    for (const row of all(".tongue"))
      row.hidden = target.dataset.show !== "all" && row.dataset.language !== target.dataset.show;
  });
  let unsaved = false;
  description.addEventListener("input", () => { unsaved = true; });
  description.addEventListener("submit", () => { unsaved = false; });
  addEventListener("beforeunload", (event) => { if (unsaved) event.preventDefault(); });
}
// A link to a field within a closed part opens it; faults are told first.
const open = () => {
  const target = location.hash.length > 1 && document.getElementById(location.hash.slice(1));
  for (let part = target; part; part = part.parentElement) if (part.tagName === "DETAILS") part.open = true;
};
addEventListener("hashchange", open);
open();
document.getElementById("faults")?.focus();
