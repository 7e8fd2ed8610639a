// Borders between panes that can be dragged, or moved with the arrow keys.

export function splitters(root) {
  for (const bar of document.querySelectorAll("[role=separator]")) {
    const { variable, side } = bar.dataset;
    const across = bar.getAttribute("aria-orientation") === "vertical";
    const set = (size) => {
      const limit = across ? root.clientWidth * 0.6 : root.clientHeight * 0.8;
      const kept = Math.round(Math.min(Math.max(size, 90), limit));
      root.style.setProperty(variable, `${kept}px`);
      bar.setAttribute("aria-valuenow", kept);
    };
    const now = () => {
      const box = document.getElementById(bar.getAttribute("aria-controls")).getBoundingClientRect();
      return across ? box.width : box.height;
    };
    bar.addEventListener("pointerdown", (event) => {
      bar.setPointerCapture(event.pointerId);
      const start = { size: now(), at: across ? event.clientX : event.clientY };
      const move = (e) => {
        const moved = (across ? e.clientX : e.clientY) - start.at;
        set(start.size + (side === "after" ? -moved : moved));
      };
      bar.addEventListener("pointermove", move);
      bar.addEventListener("pointerup", () => bar.removeEventListener("pointermove", move), { once: true });
    });
    bar.addEventListener("keydown", (event) => {
      const step = { ArrowLeft: -16, ArrowUp: -16, ArrowRight: 16, ArrowDown: 16 }[event.key];
      if (!step) return;
      event.preventDefault();
      event.stopPropagation();
      set(now() + (side === "after" ? -step : step));
    });
  }
}
