// The picture and any map of it side by side at one zoom: wheel or + and - to zoom, drag or arrows.
for (const view of document.querySelectorAll(".magnifier")) {
  const root = view.closest("article") || document;
  const picture = root.querySelector("img[data-picture]");
  const maps = [...root.querySelectorAll("img[data-map]")];
  const [choice, stage] = [view.querySelector("select"), view.querySelector(".panes")];
  const [left, right] = view.querySelectorAll(".panes img");
  if (!picture || !maps.length) continue;
  const at = { zoom: 1, x: 0, y: 0 };

  const draw = () => {
    at.zoom = Math.min(32, Math.max(1, at.zoom));
    at.x = Math.min(0, Math.max(1 - at.zoom, at.x));
    at.y = Math.min(0, Math.max(1 - at.zoom, at.y));
    const moved = `translate(${100 * at.x}%, ${100 * at.y}%) scale(${at.zoom})`;
    left.style.transform = right.style.transform = moved;
    view.querySelector("output").textContent = `${at.zoom.toFixed(1)} x`;
  };
  const zoom = (factor, x = 0.5, y = 0.5) => {
    const next = Math.min(32, Math.max(1, at.zoom * factor));
    at.x = x - ((x - at.x) * next) / at.zoom;
    at.y = y - ((y - at.y) * next) / at.zoom;
    at.zoom = next;
    draw();
  };
  const place = (event) => {
    const box = event.target.closest(".pane").getBoundingClientRect();
    return [(event.clientX - box.left) / box.width, (event.clientY - box.top) / box.height];
  };

  maps.forEach((map, index) => choice.add(new Option(map.dataset.map, index)));
  choice.onchange = () => { right.src = maps[choice.value].src; right.alt = maps[choice.value].alt; };
  choice.onchange();
  left.src = picture.src;
  left.onload = () => stage.style.setProperty("--shape", left.naturalWidth / left.naturalHeight);
  stage.onwheel = (event) => {
    if (!event.target.closest(".pane")) return;
    event.preventDefault();
    zoom(Math.exp(-event.deltaY / 400), ...place(event));
  };
  stage.onpointerdown = (event) => {
    if (event.target.closest(".pane")) stage.setPointerCapture(event.pointerId);
  };
  stage.onpointermove = (event) => {
    if (!stage.hasPointerCapture(event.pointerId)) return;
    const box = left.parentElement.getBoundingClientRect();
    at.x += event.movementX / box.width;
    at.y += event.movementY / box.height;
    draw();
  };
  const steps = { ArrowLeft: [0.1, 0], ArrowRight: [-0.1, 0], ArrowUp: [0, 0.1], ArrowDown: [0, -0.1] };
  stage.onkeydown = (event) => {
    if (event.key === "+" || event.key === "=") zoom(1.25);
    else if (event.key === "-") zoom(0.8);
    else if (event.key in steps) { at.x += steps[event.key][0]; at.y += steps[event.key][1]; draw(); }
    else return;
    event.preventDefault();
  };
  view.querySelector("[data-zoom=in]").onclick = () => zoom(1.5);
  view.querySelector("[data-zoom=out]").onclick = () => zoom(1 / 1.5);
  view.querySelector("[data-zoom=all]").onclick = () => { Object.assign(at, { zoom: 1, x: 0, y: 0 }); draw(); };
  view.hidden = false;
  draw();
}
