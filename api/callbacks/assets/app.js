// What the page offers beyond its two buttons: pushes to this browser. Nothing happens without a tap.
"use strict";
(() => {
  const offer = document.getElementById("push");
  if (!offer || !("serviceWorker" in navigator) || !("PushManager" in window)) return;
  const button = document.getElementById("subscribe"), note = offer.querySelector("p");
  const bytes = (text) => {
    const raw = atob(text.replace(/-/g, "+").replace(/_/g, "/"));
    return Uint8Array.from(raw, (c) => c.charCodeAt(0));
  };
  offer.hidden = false;
  button.addEventListener("click", async () => {
    button.disabled = true;
    note.textContent = "";
    try {
      const worker = await navigator.serviceWorker.register(offer.dataset.base + "/sw.js");
      await navigator.serviceWorker.ready;
      const wanted = { userVisibleOnly: true, applicationServerKey: bytes(offer.dataset.key) };
      let subscription;
      try {
        subscription = await worker.pushManager.subscribe(wanted);
      } catch (error) { // it was subscribed with another key
        const old = await worker.pushManager.getSubscription();
        if (!old) throw error;
        await old.unsubscribe();
        subscription = await worker.pushManager.subscribe(wanted);
      }
      const answer = await fetch(offer.dataset.to, {
        method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(subscription),
      });
      if (answer.status >= 400 && answer.status < 500) note.textContent = await answer.text(); // what to change
      if (!answer.ok) throw new Error("HTTP " + answer.status);
      button.textContent = offer.dataset.done;
    } catch (error) {
      button.textContent = offer.dataset.failed;
      button.disabled = false;
    }
  });
})();
