package mail

import (
	_ "embed"
	"strings"
	"sync"
)

//go:embed reasons.txt
var reasonFile string

//go:embed statuses.txt
var statusFile string

// reasons are the phrases of servers, section by section; "codes" is where status codes are asked.
var reasons = sync.OnceValue(func() phraseTable { return parsePhrases(reasonFile) })

// statuses maps the last two numbers of an enhanced status code to a reason.
var statuses = sync.OnceValue(func() map[string]BounceReason {
	m := map[string]BounceReason{}
	for ln := range strings.Lines(statusFile) {
		if f := strings.Fields(ln); len(f) > 1 && f[0] != "#" {
			m[f[0]] = BounceReason(f[1])
		}
	}
	return m
})

// reasonOf says why, from what the server said and the code. What it said in words comes first: the
// same 5.1.1 stands beside full mailboxes and block lists, 5.7.1 beside anything.
func reasonOf(status, diagnostic string) BounceReason {
	text := oneReply(squeeze(diagnostic, noticeMax))
	for _, s := range reasons() {
		if s.name == "codes" {
			if r := reasonOfCodes(status, text); r != "" {
				return r
			}
		} else if anyPhrase(text, s.phrases) {
			return BounceReason(s.name)
		}
	}
	return ReasonUnknown
}

// oneReply takes the codes from the lines of a reply but the first, for they stand inside its sentences:
// "552-5.7.0 potential 552 5.7.0 security issue".
func oneReply(text string) string {
	i := strings.IndexAny(text, "45")
	if i < 0 || len(text) < i+10 || !replyCode(text[i:]) {
		return text
	}
	code, status := text[i:i+3], enhancedStatus(text[i+4:min(len(text), i+14)])
	if status == "" || !strings.HasPrefix(text[i+4:], status) {
		return text
	}
	first := text[:i+4]
	return first + strings.NewReplacer(code+"-"+status+" ", "", code+" "+status+" ", "").Replace(text[i+4:])
}

// reasonOfCodes goes by the enhanced code, the one within the text where the other is general.
func reasonOfCodes(status, text string) BounceReason {
	for _, code := range []string{status, enhancedStatus(text)} {
		if len(code) < 3 {
			continue
		}
		if r := statuses()[code[2:]]; r != "" {
			return r
		}
		subject, _, _ := strings.Cut(code[2:], ".")
		if r := statuses()[subject+".*"]; r != "" {
			return r
		}
	}
	return ""
}

// enhancedStatus finds the first code like 5.1.1 (RFC 3463 section 2) in s that is no part of an address
// or a version: its subject has one digit, from 0 to 7.
func enhancedStatus(s string) string {
	for i := 0; i+5 <= len(s); i++ {
		if s[i+1] != '.' || s[i] != '5' && s[i] != '4' && s[i] != '2' || s[i+2] < '0' || s[i+2] > '7' || s[i+3] != '.' {
			continue
		}
		if i > 0 && (digit(s[i-1]) || s[i-1] == '.') {
			continue
		}
		end := i + 4
		for end < len(s) && digit(s[end]) {
			end++
		}
		if n := end - i - 4; n == 0 || n > 3 || end+1 < len(s) && s[end] == '.' && digit(s[end+1]) {
			continue
		}
		return s[i:end]
	}
	return ""
}
