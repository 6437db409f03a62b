/* The report page as it lies in tools/report/, embedded when the compiler is built. Each ends with a NUL. */
#ifndef TOOLS_REPORT_PAGE_H
#define TOOLS_REPORT_PAGE_H

extern const char report_html[]; /* with {{HASH}}, {{CSS}}, {{FACTS}} and {{JS}} where they belong */
extern const char report_css[];
extern const char report_js[];

#endif
