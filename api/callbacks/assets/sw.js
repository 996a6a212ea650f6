// Shows pushes with their two buttons, also while no page of Rouse is open, and tells Rouse that they are
// shown. A button is a tap of a person: nothing else answers.
"use strict";
self.addEventListener("install", () => self.skipWaiting());
self.addEventListener("activate", (event) => event.waitUntil(self.clients.claim()));

const ours = (url) => typeof url === "string" && new URL(url, self.location.origin).origin === self.location.origin;
const post = (url) => fetch(url, { method: "POST", credentials: "omit", headers: { Accept: "text/plain" } });

self.addEventListener("push", (event) => {
  const push = event.data ? event.data.json() : {};
  const actions = [];
  if (push.ack) actions.push({ action: "ack", title: push.ack.label });
  if (push.decline) actions.push({ action: "decline", title: push.decline.label });
  event.waitUntil((async () => {
    await self.registration.showNotification(push.title || "Rouse", {
      body: push.body, tag: push.tag, lang: push.lang, renotify: Boolean(push.tag), requireInteraction: Boolean(push.urgent),
      icon: "icon.svg", vibrate: push.urgent ? [400, 200, 400, 200, 400] : [200], actions, data: push,
    });
    if (ours(push.seen)) await post(push.seen).catch(() => {});
  })());
});

self.addEventListener("notificationclick", (event) => {
  const push = event.notification.data || {};
  const button = push[event.action];
  event.notification.close();
  event.waitUntil((async () => {
    if (!button || !ours(button.url)) {
      if (ours(push.open)) await self.clients.openWindow(push.open);
      return;
    }
    let said;
    try {
      const answer = await post(button.url);
      said = (await answer.text()).trim();
      if (!answer.ok) throw new Error(said);
    } catch (error) { // the page is shown again, so that it can be answered
      await self.registration.showNotification(event.notification.title, {
        body: event.notification.body, tag: event.notification.tag, requireInteraction: true, icon: "icon.svg",
        actions: event.notification.actions, data: push,
      });
      return;
    }
    await self.registration.showNotification("Rouse", { body: said, tag: push.tag, icon: "icon.svg", data: { open: push.open } });
  })());
});
