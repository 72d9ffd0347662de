/* Asks how far a long work is, and shows it in place: seldom, ever more so, and only while it is
   looked at. Without it the link below the bar loads the page again. */
"use strict";
{
  const work = document.querySelector("[data-progress]");
  if (work) {
    const bar = work.querySelector("progress");
    const said = work.querySelector("[role=status]");
    const heading = work.querySelector("h2");
    const [SOONEST, LATEST] = [1500, 15000];
    let pause = SOONEST;

    const ask = async () => {
      if (!document.hidden) {
        try {
          const response = await fetch(work.dataset.progress, { headers: { Accept: "application/json" } });
          if (response.status !== 202) {
            location.reload();
            return;
          }
          const now = await response.json();
          pause = now.words === said.textContent ? Math.min(pause * 1.3, LATEST) : SOONEST;
          if (now.words !== said.textContent) said.textContent = now.words;
          if (now.heading !== heading.textContent) heading.textContent = now.heading;
          bar.max = now.total;
          bar.value = now.done;
        } catch {
          pause = LATEST;
        }
      }
      setTimeout(ask, pause);
    };
    setTimeout(ask, pause);
  }
}
