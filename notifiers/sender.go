package notifiers

import "strings"

// Sender is the number or name to send to an address from: senders are by the beginning of the recipient's
// number, and the longest that fits is taken; "" fits every one. "" if none fits.
func Sender(senders map[string]string, to string) string {
	var from string
	longest := -1
	for prefix, sender := range senders {
		if len(prefix) > longest && strings.HasPrefix(to, prefix) {
			from, longest = sender, len(prefix)
		}
	}
	return from
}

// SenderPrefixes are the beginnings of numbers that have a sender of their own.
func SenderPrefixes(senders map[string]string) []string {
	var all []string
	for prefix := range senders {
		if prefix != "" {
			all = append(all, prefix)
		}
	}
	return all
}
