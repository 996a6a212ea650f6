package migrations

import "time"

// What the tests of this package need, which live outside it because dbtest, whose databases they use, imports it.
var (
	UpFrom   = up
	ReadFrom = read
	Files    = files
)

// LockKey is the key of the advisory lock.
const LockKey = lockKey

// HurryLocks shortens the waits for locked tables and returns what puts them back.
func HurryLocks(timeout, pause time.Duration) func() {
	oldTimeout, oldPause := lockTimeout, lockPause
	lockTimeout, lockPause = timeout, pause
	return func() { lockTimeout, lockPause = oldTimeout, oldPause }
}
