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
