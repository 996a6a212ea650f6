package problem

import "net/http"

// The kinds. Those that only the intake gives are found by it by name; they stand here so
// that their type can be looked up.
var (
	NotJSON = Kind{"not-json", http.StatusBadRequest, "Not JSON",
		"The body could not be read as JSON. The detail says where it breaks off making sense."}
	TooDeep = Kind{"too-deep", http.StatusBadRequest, "Too deep",
		"The JSON is nested deeper than is accepted. Nothing in this API is nested that deep; free text can hold what is."}
	Unauthorized = Kind{"unauthorized", http.StatusUnauthorized, "No valid key",
		"The request carries no API key, or one that is not known or was revoked. Send Authorization: Bearer rouse_…"}
	Forbidden = Kind{"forbidden", http.StatusForbidden, "Not allowed",
		"The key is valid, and may not do this. The detail names the scope that is needed."}
	NotFound = Kind{"not-found", http.StatusNotFound, "Not found",
		"There is nothing of this name or number."}
	Method = Kind{"method-not-allowed", http.StatusMethodNotAllowed, "Method not allowed",
		"The path exists, and takes other methods: those in the header Allow."}
	Conflict = Kind{"conflict", http.StatusConflict, "Exists already",
		"A name that must be unique is taken."}
	Full = Kind{"full", http.StatusConflict, "No more of these",
		"There are as many as there may be. The detail names the limit, and what could go."}
	InUse = Kind{"in-use", http.StatusConflict, "In use",
		"What is to be deleted or changed is named elsewhere, or somebody is on call by it. The detail lists where."}
	OpensHole = Kind{"opens-hole", http.StatusConflict, "Opens a hole",
		"An alert would then find nobody to page, at the times that the detail lists. Close that first, or say force=true."}
	Resolved = Kind{"resolved", http.StatusConflict, "Resolved",
		"The incident is over; nothing about it can be answered or changed any more. New trouble opens a new incident."}
	Taken = Kind{"taken", http.StatusConflict, "Taken",
		"Somebody else has acknowledged this; the detail says who."}
	Nothing = Kind{"nothing-to-answer", http.StatusConflict, "Nothing to answer",
		"The incident has no page that this person could acknowledge or decline."}
	Past = Kind{"past", http.StatusConflict, "Past",
		"Who was on call does not change any more. What is under way can be ended, and something else made for the rest."}
	Changed = Kind{"changed", http.StatusPreconditionFailed, "Changed meanwhile",
		"The version in If-Match is not the stored one: somebody else was faster. Read it again, and decide again."}
	TooLarge = Kind{"too-large", http.StatusRequestEntityTooLarge, "Too large",
		"The body is larger than is accepted. The detail names the limit."}
	Limited = Kind{"limited", http.StatusTooManyRequests, "Too often",
		"This may be done so often and no more. The detail says how often. Alerts are never refused so."}
	MediaTypeUnsupported = Kind{"media-type", http.StatusUnsupportedMediaType, "Not sent as JSON",
		"The Content-Type of the body is not application/json."}
	Validation = Kind{"validation", http.StatusUnprocessableEntity, "Not valid",
		"The request was understood and cannot be done as it is: the list errors says what is wrong with which field or parameter."}
	Internal = Kind{"internal", http.StatusInternalServerError, "Internal error",
		"Something went wrong that is not your fault. The log knows it by the request id."}
	Unavailable = Kind{"unavailable", http.StatusServiceUnavailable, "Unavailable",
		"Rouse cannot do this just now, mostly because its database does not answer. Nothing was changed. Try again."}

	notAnAlert = Kind{"not-an-alert", http.StatusBadRequest, "Not an alert",
		"The body is JSON, and nothing that an alert could be made of."}
	notStored = Kind{"not-stored", http.StatusServiceUnavailable, "Not stored",
		"The alert, or one of several, could not be stored. Send the request again."}
)

// Kinds lists all of them.
func Kinds() []Kind {
	return []Kind{NotJSON, TooDeep, Unauthorized, Forbidden, NotFound, Method, Conflict, Full, InUse, Resolved, Taken, Nothing, Past, OpensHole,
		Changed, Limited, TooLarge, MediaTypeUnsupported, Validation, Internal, Unavailable, notAnAlert, notStored}
}

// Named finds a kind.
func Named(name string) (Kind, bool) {
	for _, k := range Kinds() {
		if k.Name == name {
			return k, true
		}
	}
	return Kind{}, false
}
