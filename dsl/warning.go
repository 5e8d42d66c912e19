package dsl

// WarningCodes are the kinds of warnings that there are; docs/rules.md says what each is about.
func WarningCodes() []string {
	return []string{"never", "always", "constant", "repeated", "shadowed", "overwritten", "empty-list", "unused", "over", "capitals", "unknown-name", "swapped", "no-domain", "no-type", "pattern",
		"nobody-yet", "unproven", "cannot-fail"}
}
