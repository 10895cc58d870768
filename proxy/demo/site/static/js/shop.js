// The shop's three small conveniences; every page also works without them.

function filterBooks(bar) {
  const cards = [...document.querySelectorAll("[data-cards] .card")];
  const search = bar.querySelector("[data-search]");
  const chips = [...bar.querySelectorAll("[data-shelf]")];
  let shelf = "";
  const show = () => {
    const words = search.value.trim().toLowerCase();
    for (const card of cards) {
      card.hidden = (shelf && card.dataset.shelf !== shelf) || !card.dataset.words.includes(words);
    }
    document.querySelector("[data-nothing]").hidden = cards.some((card) => !card.hidden);
  };
  search.addEventListener("input", show);
  for (const chip of chips) {
    chip.addEventListener("click", () => {
      shelf = chip.dataset.shelf;
      for (const other of chips) other.setAttribute("aria-pressed", String(other === chip));
      show();
    });
  }
  bar.hidden = false;
}

function runClock(panel) {
  const time = panel.querySelector("[data-time]");
  const state = panel.querySelector("[data-state]");
  const source = new EventSource(panel.dataset.clock);
  source.onmessage = (event) => {
    const tick = JSON.parse(event.data);
    time.textContent = tick.time;
    state.textContent = `${tick.instance} is reading you the time.`;
  };
  source.onerror = () => { state.textContent = "The line broke; connecting again."; };
}

function askMany(panel) {
  const button = panel.querySelector("[data-go]");
  const bars = panel.querySelector("[data-bars]");
  const waitOf = (number, choice) => (choice === "uneven" ? (number % 5 ? 0 : 1) : choice);

  const draw = (shares, failed, total) => {
    const rows = [...shares].sort(([one], [other]) => one.localeCompare(other));
    if (failed) rows.push(["no answer", failed]);
    bars.replaceChildren(...rows.map(([name, number]) => {
      const row = document.createElement("div");
      row.className = "bar";
      row.dataset.instance = name;
      const label = document.createElement("span");
      label.textContent = name;
      const track = document.createElement("span");
      const fill = document.createElement("i");
      fill.style.width = `${(100 * number) / total}%`;
      track.append(fill);
      const count = document.createElement("output");
      count.textContent = `${number} · ${Math.round((100 * number) / total)} %`;
      row.append(label, track, count);
      return row;
    }));
  };

  button.addEventListener("click", async () => {
    const total = Number(panel.querySelector("[data-times]").value);
    const choice = panel.querySelector("[data-wait]").value;
    const shares = new Map();
    let failed = 0;
    button.disabled = true;
    await Promise.all(Array.from({ length: total }, async (_, number) => {
      try {
        const answer = await fetch(`${panel.dataset.ask}?wait=${waitOf(number, choice)}`, { cache: "no-store" });
        const { instance } = await answer.json();
        shares.set(instance, (shares.get(instance) ?? 0) + 1);
      } catch {
        failed += 1;
      }
      draw(shares, failed, total);
    }));
    button.disabled = false;
  });
  panel.hidden = false;
}

for (const [selector, start] of [["[data-filter]", filterBooks], ["[data-clock]", runClock], ["[data-ask]", askMany]]) {
  document.querySelectorAll(selector).forEach(start);
}
