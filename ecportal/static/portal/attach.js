/* Lets a file be dropped, pasted or photographed. The file field works without it. */
"use strict";
{
  const input = document.querySelector('input[type="file"][data-limit]');
  if (input) {
    const zone = document.createElement("div");
    const said = document.createElement("p");
    zone.className = "drop";
    said.className = "drop-said";
    said.setAttribute("role", "status");
    input.before(zone);

    const hint = document.createElement("p");
    hint.className = "drop-hint";
    const touched = navigator.maxTouchPoints > 0;
    hint.textContent = touched
      ? "Choose a file, paste a picture, or take a photo:"
      : "Drop a file here, paste a picture, or choose:";

    const camera = document.createElement("input");
    camera.type = "file";
    camera.accept = "image/*";
    camera.setAttribute("capture", "environment");
    camera.hidden = true;
    const photograph = document.createElement("button");
    photograph.type = "button";
    photograph.className = "btn";
    photograph.textContent = "Take a photo";
    photograph.addEventListener("click", () => camera.click());

    const words = (bytes) =>
      bytes < 1024 * 1024
        ? `${Math.max(1, Math.round(bytes / 1024))} KB`
        : `${(bytes / 1024 / 1024).toFixed(1)} MB`;

    /* Says what is chosen; what is too large is refused before anything is sent. */
    const tell = () => {
      const file = input.files[0];
      const tooLarge = Boolean(file) && file.size > Number(input.dataset.limit);
      input.setCustomValidity(tooLarge ? input.dataset.tooLarge : "");
      zone.classList.toggle("drop-wrong", tooLarge);
      said.textContent = !file
        ? ""
        : `${file.name}, ${words(file.size)}. ${tooLarge ? input.dataset.tooLarge : "Not sent yet."}`;
      return !tooLarge;
    };
    const take = (file) => {
      const one = new DataTransfer();
      one.items.add(file);
      input.files = one.files;
      tell();
    };

    camera.addEventListener("change", () => camera.files[0] && take(camera.files[0]));
    input.addEventListener("change", tell);
    input.form.addEventListener("submit", (event) => {
      if (!tell()) {
        event.preventDefault();
        input.focus();
      }
    });
    for (const name of ["dragenter", "dragover"]) {
      zone.addEventListener(name, (event) => {
        event.preventDefault();
        zone.classList.add("drop-over");
      });
    }
    for (const name of ["dragleave", "drop"]) {
      zone.addEventListener(name, () => zone.classList.remove("drop-over"));
    }
    zone.addEventListener("drop", (event) => {
      event.preventDefault();
      if (event.dataTransfer.files[0]) take(event.dataTransfer.files[0]);
    });
    document.addEventListener("paste", (event) => {
      const file = event.clipboardData && event.clipboardData.files[0];
      if (!file) return;
      event.preventDefault();
      take(file);
    });
    zone.append(hint, input, ...(touched ? [photograph, camera] : []), said);
  }
}
