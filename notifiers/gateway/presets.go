package gateway

import (
	"maps"
	"slices"
)

// Preset is a provider that is known: what it needs, and the rest of its configuration.
type Preset struct {
	About   string
	Secrets []string // that have to be given
	Set     []string // that have to be given
	Config
}

// Presets are the providers that are known, by name.
//
// Sources: https://developer.vonage.com/en/api/sms, https://developers.telnyx.com/api/messaging/send-message,
// https://www.kannel.org/download/1.5.0/userguide-1.5.0/userguide.html (chapter "SMS push (sending)").
var Presets = map[string]Preset{
	"vonage": {
		About: "Vonage's SMS API", Secrets: []string{"api_key", "api_secret"},
		Config: Config{
			URL:     "https://rest.nexmo.com/sms/json",
			Headers: map[string]string{"Content-Type": "application/x-www-form-urlencoded"},
			Body: `api_key={{query .Secret.api_key}}&api_secret={{query .Secret.api_secret}}&from={{query .From}}&to={{.Digits}}&text={{query .Text}}` +
				`&type={{if gsm .Text}}text{{else}}unicode{{end}}&ttl=300000&client-ref={{query .Nonce}}&status-report-req=1&callback={{query .Callback}}`,
			Answer: Answer{
				Taken: `status == 200 && body.messages.all(m, m.status == "0")`,
				ID:    `body.messages[0]["message-id"]`,
				// 1 throttled and 5 internal error pass; 9 is the account's money.
				Final: `status == 200 ? body.messages.exists(m, !(m.status in ["0", "1", "5"])) : status >= 400 && status < 500 && status != 429`,
				Code:  `status == 200 ? body.messages.filter(m, m.status != "0")[0].status : string(status)`,
			},
			Receipt: Receipt{
				State: `{"delivered": "delivered", "accepted": "sent", "buffered": "sent", "failed": "failed", "rejected": "failed", "expired": "failed"}` +
					`[?(has(query.messageId) ? query.status : string(body.status))].orValue("")`,
				Code: `has(query.messageId) ? query["err-code"] : string(body["err-code"])`,
				Gone: `(has(query.messageId) ? query["err-code"] : string(body["err-code"])) in ["3", "5"]`, // absent subscriber for good, barred
			},
			Reply: Reply{
				From: `has(query.text) ? query.msisdn : string(body.msisdn)`,
				Text: `has(query.text) ? query.text : string(body.text)`,
				ID:   `has(query.text) ? query.messageId : string(body.messageId)`,
			},
		},
	},
	"telnyx": {
		About: "Telnyx's messages", Secrets: []string{"api_key"},
		Config: Config{
			URL:     "https://api.telnyx.com/v2/messages",
			Headers: map[string]string{"Content-Type": "application/json", "Authorization": "Bearer {{.Secret.api_key}}"},
			Body:    `{"from": {{json .From}}, "to": {{json .To}}, "text": {{json .Text}}, "webhook_url": {{json .Callback}}, "use_profile_webhooks": false}`,
			Answer: Answer{
				ID:   `body.data.id`,
				Gone: `body.errors.exists(e, e.code in ["40300", "40310"])`, // stopped by its owner, no such number
				Code: `body.errors[0].code`,
			},
			Receipt: Receipt{
				State: `body.data.event_type in ["message.sent", "message.finalized"] ? {"sent": "sent", "delivered": "delivered", "sending_failed": "failed",` +
					` "delivery_failed": "failed"}[?body.data.payload.to[0].status].orValue("") : ""`,
				Code: `body.data.payload.?errors.orValue([]).size() > 0 ? string(body.data.payload.errors[0].code) : ""`,
				Gone: `body.data.payload.?errors.orValue([]).exists(e, e.code in ["40300", "40310"])`,
			},
			Reply: Reply{
				From: `body.data.event_type == "message.received" ? body.data.payload.from.phone_number : ""`,
				Text: `body.data.payload.text`,
				ID:   `body.data.payload.id`,
			},
		},
	},
	"kannel": {
		About: "a GSM gateway of your own, Kannel", Secrets: []string{"username", "password"}, Set: []string{"url"},
		Config: Config{
			Method: "GET",
			URL: `{{.Set.url}}?username={{query .Secret.username}}&password={{query .Secret.password}}&from={{query .From}}&to={{query .To}}&charset=UTF-8` +
				`&coding={{if gsm .Text}}0{{else}}2{{end}}&text={{query .Text}}&validity=5&dlr-mask=19&dlr-url={{query (print .Callback "&type=%d")}}`,
			Answer: Answer{Taken: `status == 202`, Code: `status == 202 ? "" : string(status)`},
			Receipt: Receipt{ // 1 delivered, 2 undelivered, 16 refused by the network
				State: `query.type == "1" ? "delivered" : query.type in ["2", "16"] ? "failed" : ""`,
				Code:  `query.type`,
			},
			Reply: Reply{From: `query.from`, Text: `query.text`, ID: `query.?id.orValue("")`},
		},
	},
}

// PresetNames are those of Presets, in order.
func PresetNames() []string { return slices.Sorted(maps.Keys(Presets)) }
