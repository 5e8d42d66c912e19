package mail

import "strings"

// closeLink writes the address of a link beside its text, where the text does not say it.
func (r *renderer) closeLink() {
	href, alt := r.href, r.alt
	r.href, r.alt = "", ""
	if href == "" || len(href) > 2000 || r.hides() {
		return
	}
	scheme, rest, _ := strings.Cut(href, ":")
	switch strings.ToLower(scheme) {
	case "http", "https":
	case "mailto", "tel":
		href, _, _ = strings.Cut(rest, "?")
	default:
		return
	}
	said := strings.TrimSpace(r.b.String()[min(r.anchor, r.b.Len()):])
	if said == "" && alt != "" {
		r.text([]byte(alt))
		said = alt
	}
	if said == "" || href == "" || sameLink(said, href) {
		return
	}
	r.space = true
	r.text([]byte("<" + href + ">"))
}

func sameLink(text, href string) bool {
	bare := func(s string) string {
		s = strings.TrimPrefix(strings.TrimPrefix(s, "https://"), "http://")
		return strings.TrimSuffix(strings.TrimPrefix(s, "www."), "/")
	}
	return len(text) <= len(href)+20 && bare(strings.ToLower(text)) == bare(strings.ToLower(href))
}

// picture notes what stands for a picture. It is written where it is all there is: in a link without words, or a mail without any.
func (r *renderer) picture(alt string) {
	if alt == "" || fileName(alt) || r.hides() {
		return
	}
	r.pictures = true
	switch {
	case r.href != "":
		if r.alt == "" {
			r.alt = alt
		}
	case r.all:
		r.text([]byte(alt + " "))
	}
}

// fileName says whether what stands for a picture is only what programs call it: "image001.png".
func fileName(s string) bool {
	s = strings.ToLower(s)
	for _, ext := range []string{".png", ".jpg", ".jpeg", ".gif", ".webp", ".bmp", ".svg"} {
		if strings.HasSuffix(s, ext) && !strings.Contains(s, " ") {
			return true
		}
	}
	return strings.HasPrefix(s, "cid:") || strings.HasPrefix(s, "data:")
}
