"use strict";
for (const film of document.querySelectorAll(".film")) {
  const frames = [...film.querySelectorAll(".frame")];
  const player = film.querySelector(".player");
  if (!player) continue;
  const [button, range, output] = player.children;
  const last = frames.length - 1;
  let timer = 0;
  const show = (number) => {
    frames.forEach((frame, place) => { frame.hidden = place !== number; });
    range.value = number;
    output.textContent = frames[number].dataset.label;
    range.setAttribute("aria-valuetext", output.textContent);
  };
  const pause = () => {
    clearInterval(timer);
    timer = 0;
    button.textContent = "Play";
  };
  const next = () => {
    show(Number(range.value) + 1);
    if (Number(range.value) === last) pause();
  };
  button.addEventListener("click", () => {
    if (timer) return pause();
    show(Number(range.value) === last ? 0 : Number(range.value));
    button.textContent = "Pause";
    timer = setInterval(next, Math.min(600, Math.max(150, 6000 / last)));
  });
  range.addEventListener("input", () => { pause(); show(Number(range.value)); });
  // Whoever asks for less motion still has the slider.
  button.hidden = matchMedia("(prefers-reduced-motion: reduce)").matches;
  player.hidden = false;
  show(last);
}
