package mail

import (
	"mime"
	"path"
	"strings"
	"unicode/utf8"
)

// nameMax is the longest file name that is kept, in bytes: what file systems allow, with room.
const nameMax = 200

// fileName finds the name of an attachment, or makes one from its type.
func (p *parser) fileName(h *header, ct, disp *value) string {
	for _, s := range givenNames(ct, disp) {
		if name := safeName(p.nameWords(s)); name != "" {
			if ct.word == "text/calendar" && !strings.HasSuffix(strings.ToLower(name), ".ics") {
				name += ".ics" // programs go by that
			}
			return name
		}
	}
	switch ct.word {
	case "text/calendar":
		return "invite.ics"
	case "message/rfc822", "message/global":
		return "message.eml"
	}
	if loc := contentLocation(h); loc != "" {
		if i := strings.IndexAny(loc, "?#"); i >= 0 {
			loc = loc[:i]
		}
		if name := safeName(p.charset([]byte(unescaped(loc)), "utf-8")); types[strings.ToLower(path.Ext(name))] != "" && len(name) <= 80 {
			return name
		}
	}
	base := "attachment"
	if s, ok := h.raw("Content-Description"); ok {
		if name := safeName(p.nameWords(s)); name != "" && len(name) <= 80 {
			base = name
			if ext := path.Ext(name); len(ext) > 1 && len(ext) < 6 && mime.TypeByExtension(ext) != "" {
				return name
			}
		}
	}
	return base + extension(ct.word)
}

// givenNames are what a part's header calls it, the surest first. Some senders mix up where which parameter belongs, or say "file".
func givenNames(ct, disp *value) []string {
	return []string{disp.get("filename"), ct.get("name"), disp.get("name"), ct.get("filename"), disp.get("file"), ct.get("file")}
}

// extension is the usual end of the file names of a type.
func extension(typ string) string {
	if ext, ok := extensions[typ]; ok {
		return ext
	}
	major, minor, _ := strings.Cut(typ, "/")
	switch major {
	case "text":
		return ".txt"
	case "image", "audio", "video", "font":
		minor = strings.TrimPrefix(minor, "x-")
		if len(minor) <= 5 && isWord(minor) {
			return "." + minor
		}
	}
	return ".bin"
}

func isWord(s string) bool {
	for i := 0; i < len(s); i++ {
		if c := s[i]; (c < 'a' || c > 'z') && (c < '0' || c > '9') {
			return false
		}
	}
	return s != ""
}

// extensions is our own, not the machine's, so that one mail gives the same names everywhere.
var extensions = map[string]string{
	"application/pdf": ".pdf", "application/zip": ".zip", "application/gzip": ".gz", "application/json": ".json", "application/xml": ".xml",
	"application/rtf": ".rtf", "application/msword": ".doc", "application/vnd.ms-excel": ".xls", "application/vnd.ms-powerpoint": ".ppt",
	"application/vnd.openxmlformats-officedocument.wordprocessingml.document":   ".docx",
	"application/vnd.openxmlformats-officedocument.spreadsheetml.sheet":         ".xlsx",
	"application/vnd.openxmlformats-officedocument.presentationml.presentation": ".pptx",
	"application/vnd.oasis.opendocument.text":                                   ".odt", "application/vnd.oasis.opendocument.spreadsheet": ".ods",
	"application/ms-tnef": ".dat", "application/pgp-signature": ".asc", "application/pgp-keys": ".asc", "application/pgp-encrypted": ".asc",
	"application/pkcs7-signature": ".p7s", "application/x-pkcs7-signature": ".p7s", "application/pkcs7-mime": ".p7m", "application/x-pkcs7-mime": ".p7m",
	"application/ics": ".ics", "image/jpeg": ".jpg", "image/svg+xml": ".svg", "image/tiff": ".tif", "image/x-icon": ".ico", "image/vnd.microsoft.icon": ".ico",
	"text/html": ".html", "text/csv": ".csv", "text/xml": ".xml", "text/vcard": ".vcf", "text/x-vcard": ".vcf", "text/markdown": ".md", "text/rtf": ".rtf",
	"text/x-patch": ".patch", "text/x-diff": ".diff", "text/css": ".css", "text/x-amp-html": ".html", "text/watch-html": ".html",
	"audio/mpeg": ".mp3", "audio/x-wav": ".wav", "video/quicktime": ".mov", "message/delivery-status": ".txt", "message/disposition-notification": ".txt",
	"message/feedback-report": ".txt", "message/partial": ".eml", "message/external-body": ".txt",
}

// typeByName guesses the type of a file that says nothing but its name.
func typeByName(name string) string {
	if typ, ok := types[strings.ToLower(path.Ext(name))]; ok {
		return typ
	}
	return "application/octet-stream"
}

// types are of the ends of file names, from the IANA's list of media types.
var types = map[string]string{
	".pdf": "application/pdf", ".zip": "application/zip", ".gz": "application/gzip", ".json": "application/json", ".xml": "application/xml",
	".rtf": "application/rtf", ".doc": "application/msword", ".xls": "application/vnd.ms-excel", ".ppt": "application/vnd.ms-powerpoint",
	".docx": "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
	".xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
	".pptx": "application/vnd.openxmlformats-officedocument.presentationml.presentation",
	".odt":  "application/vnd.oasis.opendocument.text", ".ods": "application/vnd.oasis.opendocument.spreadsheet",
	".jpg": "image/jpeg", ".jpeg": "image/jpeg", ".png": "image/png", ".gif": "image/gif", ".bmp": "image/bmp", ".tif": "image/tiff", ".tiff": "image/tiff",
	".svg": "image/svg+xml", ".webp": "image/webp", ".ico": "image/vnd.microsoft.icon",
	".txt": "text/plain", ".csv": "text/csv", ".html": "text/html", ".htm": "text/html", ".ics": "text/calendar", ".vcf": "text/vcard",
	".mp3": "audio/mpeg", ".wav": "audio/x-wav", ".mp4": "video/mp4", ".mov": "video/quicktime", ".p7s": "application/pkcs7-signature",
}

// safeName makes one path segment of a name that a stranger chose: nothing above or below it, no
// characters that a file system or a shell's reader would stumble over, no name that Windows keeps for devices.
func safeName(s string) string {
	if i := strings.LastIndexAny(s, `/\`); i >= 0 {
		s = s[i+1:] // old browsers and mailers send whole paths
	}
	s = strings.Map(func(r rune) rune {
		switch r {
		case ':', '*', '?', '"', '<', '>', '|', 0:
			return '_'
		case utf8.RuneError:
			return '_'
		}
		return r
	}, cleanName(s))
	s = strings.Trim(s, ". ")
	if len(s) > nameMax {
		ext := path.Ext(s)
		if len(ext) > 20 {
			ext = ""
		}
		s = strings.TrimRight(cutString(strings.TrimSuffix(s, ext), nameMax-len(ext)), ". ") + ext
	}
	base, _, _ := strings.Cut(strings.ToLower(s), ".")
	switch strings.TrimRight(base, " ") {
	case "con", "prn", "aux", "nul", "com1", "com2", "com3", "com4", "com5", "com6", "com7", "com8", "com9",
		"com¹", "com²", "com³", "lpt¹", "lpt²", "lpt³", "conin$", "conout$",
		"lpt1", "lpt2", "lpt3", "lpt4", "lpt5", "lpt6", "lpt7", "lpt8", "lpt9":
		s = "_" + s
	}
	return s
}
