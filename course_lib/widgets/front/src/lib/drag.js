// Dragging: a pointer that has been pressed is followed wherever it goes, until it is lifted.

/** Calls move(event) at every move of the pointer, on and off the element, until it is lifted or taken away. */
export function follow(move) {
  const stop = () => {
    window.removeEventListener("pointermove", move);
    window.removeEventListener("pointerup", stop);
    window.removeEventListener("pointercancel", stop);
  };
  window.addEventListener("pointermove", move);
  window.addEventListener("pointerup", stop);
  window.addEventListener("pointercancel", stop);
}

/** Event -> [x, y] in the units of a drawing as it lies at the press: moves may draw another in its place. */
export function within(picture) {
  const box = picture.getBoundingClientRect();
  const unit = picture.viewBox.baseVal.width / box.width;
  return (event) => [(event.clientX - box.left) * unit, (event.clientY - box.top) * unit];
}
