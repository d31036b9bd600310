#include "cli/page.h"

#include "cli/words.h"

static const char style[] =
    ":root{color-scheme:light dark;--bg:#ffffff;--fg:#1b1e22;--soft:#555c65;--line:#d4d8dd;--panel:#f4f6f8;"
    "--new:#0072b2;--gone:#c75000;--changed:#6b7280}\n"
    "@media(prefers-color-scheme:dark){:root{--bg:#14171a;--fg:#e8eaed;--soft:#a9b0b9;--line:#363c44;"
    "--panel:#1d2126;--new:#56b4e9;--gone:#ff9d5c;--changed:#b3bac3}}\n"
    "*{box-sizing:border-box}\n"
    "body{margin:0;background:var(--bg);color:var(--fg);font:1rem/1.5 system-ui,-apple-system,'Segoe UI',"
    "Roboto,'Noto Sans',Arial,sans-serif}\n"
    "main{max-width:64rem;margin:0 auto;padding:1.5rem 1.25rem 4rem}\n"
    "h1{font-size:1.75rem;line-height:1.25;margin:.25rem 0 1rem;max-width:44rem}\n"
    "h2{font-size:1.25rem;margin:2.5rem 0 .5rem;padding-top:1rem;border-top:1px solid var(--line)}\n"
    "h3{font-size:1.05rem;margin:1.75rem 0 .5rem;overflow-wrap:anywhere}\n"
    "h4{font-size:1rem;margin:0 0 .35rem;overflow-wrap:anywhere}\n"
    "p{margin:.35rem 0}.soft,caption,figcaption{color:var(--soft)}\n"
    "dl.about{display:grid;grid-template-columns:max-content 1fr;gap:.15rem 1rem;margin:0}\n"
    "dl.about dt{color:var(--soft)}dl.about dd{margin:0;overflow-wrap:anywhere}\n"
    "code{font:.875em ui-monospace,SFMono-Regular,Menlo,Consolas,monospace;overflow-wrap:anywhere}\n"
    "ul.tiles{list-style:none;padding:0;margin:1rem 0;display:grid;gap:.75rem;"
    "grid-template-columns:repeat(auto-fit,minmax(9rem,1fr))}\n"
    "ul.tiles li{background:var(--panel);border:1px solid var(--line);border-radius:.4rem;padding:.6rem "
    ".8rem}\n"
    "ul.tiles b{display:block;font-size:1.6rem;line-height:1.2;font-variant-numeric:tabular-nums}\n"
    "ul.tiles svg{margin-right:.4rem;vertical-align:-1px}\n"
    "table{border-collapse:collapse;width:100%;font-variant-numeric:tabular-nums}\n"
    "caption{text-align:left;padding:.25rem 0 .5rem;font-size:.9rem}\n"
    "th,td{padding:.35rem .5rem;border-bottom:1px solid var(--line);text-align:right;vertical-align:top}\n"
    "thead th{font-size:.85rem;color:var(--soft);font-weight:600;vertical-align:bottom}\n"
    "th:first-child,td:first-child{text-align:left;padding-left:0;overflow-wrap:anywhere}\n"
    "thead th:not(:first-child){width:5.5rem}tbody "
    "th{font-weight:500}td:last-child,th:last-child{padding-right:0}\n"
    "th svg.bars{display:block;margin-top:.3rem}\n"
    ".new{fill:var(--new)}.gone{fill:url(#hatched)}.changed{fill:url(#dotted)}\n"
    ".grid{stroke:var(--line)}.axis{stroke:var(--soft)}.tick{fill:var(--soft);font-size:12px}\n"
    "figure{margin:1rem 0}.scroll{overflow-x:auto}.scroll svg{display:block;width:100%}\n"
    "ul.legend{list-style:none;display:flex;flex-wrap:wrap;gap:.25rem 1.25rem;padding:0;margin:.5rem 0;"
    "font-size:.9rem}ul.legend svg{margin-right:.4rem;vertical-align:-1px}\n"
    "article{border:1px solid var(--line);border-left:.35rem solid var(--changed);border-radius:.3rem;"
    "padding:.7rem .9rem;margin:.75rem 0}\n"
    "article.appear{border-left-color:var(--new)}article.vanish{border-left-color:var(--gone)}\n"
    "article ol{margin:.4rem 0;padding-left:1.4rem}article ul{margin:.4rem 0;padding-left:1.1rem}\n"
    "details{margin:.75rem 0}summary{cursor:pointer}\n"
    "@media(max-width:34rem){main{padding:1rem .9rem 3rem}h1{font-size:1.4rem}table{font-size:.85rem}"
    "th,td{padding:.3rem .3rem}thead "
    "th:not(:first-child){width:auto}dl.about{grid-template-columns:1fr}dl.about dd{margin-bottom:.4rem}}\n"
    "@media "
    "print{:root{--bg:#fff;--fg:#000;--soft:#444;--line:#bbb;--panel:#fff;--new:#0072b2;--gone:#c75000;"
    "--changed:#6b7280}body{font-size:10pt}main{max-width:none;padding:0}.scroll{overflow:visible}"
    "article,tr,figure{break-inside:avoid}h2,h3{break-after:avoid}thead{display:table-header-group}"
    "svg{print-color-adjust:exact;-webkit-print-color-adjust:exact}}\n";

void jd_page_text(const struct jd_page *page, struct jd_str text)
{
    for (uint32_t i = 0; i < text.size; i++) {
        const unsigned char c = (unsigned char)text.ptr[i];
        switch (c) {
        case '&':
            fputs("&amp;", page->out);
            break;
        case '<':
            fputs("&lt;", page->out);
            break;
        case '>':
            fputs("&gt;", page->out);
            break;
        case '"':
            fputs("&quot;", page->out);
            break;
        case '\'':
            fputs("&#39;", page->out);
            break;
        default:
            fputs(c < ' ' || c == 127 ? "\xEF\xBF\xBD" : (char[]){(char)c, '\0'}, page->out);
        }
    }
}

void jd_page_raw(const struct jd_page *page, const char *html)
{
    fputs(html, page->out);
}

void jd_page_element(const struct jd_page *page, const char *name, struct jd_str text)
{
    fprintf(page->out, "<%s>", name);
    jd_page_text(page, text);
    fprintf(page->out, "</%s>\n", name);
}

void jd_page_count(const struct jd_page *page, uint64_t count)
{
    jd_page_text(page, jd_words_count(count, page->arena));
}

void jd_page_swatch(const struct jd_page *page, const char *class)
{
    fprintf(
        page->out,
        "<svg width=\"12\" height=\"12\" aria-hidden=\"true\"><rect class=\"%s\" width=\"12\" height=\"12\"/>"
        "</svg>",
        class);
}

void jd_page_begin(const struct jd_page *page, struct jd_str title)
{
    jd_page_raw(page, "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
                      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
                      "<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src "
                      "'unsafe-inline'\"/>\n<title>");
    jd_page_text(page, title);
    jd_page_raw(page, "</title>\n<style>\n");
    jd_page_raw(page, style);
    jd_page_raw(page,
                "</style>\n</head>\n<body>\n"
                "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>"
                "<pattern id=\"hatched\" width=\"6\" height=\"6\" patternUnits=\"userSpaceOnUse\" "
                "patternTransform=\"rotate(45)\"><rect width=\"6\" height=\"6\" style=\"fill:var(--gone);"
                "fill-opacity:.35\"/><rect width=\"3\" height=\"6\" style=\"fill:var(--gone)\"/></pattern>"
                "<pattern id=\"dotted\" width=\"4\" height=\"4\" patternUnits=\"userSpaceOnUse\">"
                "<rect width=\"4\" height=\"4\" style=\"fill:var(--changed);fill-opacity:.35\"/>"
                "<circle cx=\"2\" cy=\"2\" r=\"1.3\" style=\"fill:var(--changed)\"/></pattern>"
                "</defs></svg>\n<main>\n");
}

void jd_page_end(const struct jd_page *page)
{
    jd_page_raw(page, "</main>\n</body>\n</html>\n");
}
