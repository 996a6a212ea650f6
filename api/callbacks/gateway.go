package callbacks

import (
	"errors"
	"net/http"

	"rouse/notifiers"
	"rouse/notifiers/gateway"
)

// GatewayCallback takes what a templated provider tells: /callbacks/gateway/{provider}/{key}, with GET or POST
// as it likes. The key is a secret of the address, which only that provider was given: many sign nothing. A
// text gets its reply as the answer's body, which most ignore.
func (h *Handler) GatewayCallback(w http.ResponseWriter, r *http.Request) {
	secret(w)
	if !allowed(w, r, http.MethodGet, http.MethodPost) {
		return
	}
	g, ok := h.gateway(r.PathValue("provider"), r.PathValue("key"))
	if !ok {
		h.log.WarnContext(r.Context(), "callback refused: no provider has its address", "callback", "gateway")
		http.Error(w, "No such address.", http.StatusNotFound)
		return
	}
	n, err := g.Read(r)
	switch {
	case errors.Is(err, gateway.ErrNotUnderstood):
		h.log.WarnContext(r.Context(), "callback not understood: compare the provider's expressions with what it sends", "provider", r.PathValue("provider"))
		w.WriteHeader(http.StatusNoContent) // the same again would help nobody
	case err != nil:
		http.Error(w, "The body is too long, or broke off.", http.StatusBadRequest)
	case n.From != "" && h.isCanary(r, n.Text):
		w.WriteHeader(http.StatusNoContent)
	case n.From != "":
		h.textByGateway(w, r, n)
	case n.Nonce == "":
		w.WriteHeader(http.StatusNoContent)
	default:
		h.report(w, r, n.Nonce, n.Receipt)
	}
}

func (h *Handler) textByGateway(w http.ResponseWriter, r *http.Request, n gateway.News) {
	event := ""
	if n.ID != "" {
		event = r.PathValue("provider") + ":" + n.ID
	}
	said := h.text(r, n.From, n.Text, event)
	w.Header().Set("Content-Type", "text/plain; charset=utf-8")
	_, _ = w.Write([]byte(said)) // the provider is gone
	if said == "" || h.reply == nil {
		return
	}
	h.reply(r.Context(), notifiers.Message{Channel: notifiers.SMS, Purpose: notifiers.Notice, To: n.From, Text: said})
}
