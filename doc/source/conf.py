# SPDX-License-Identifier: Apache-2.0
project = 'os-unikernel'
copyright = 'os-unikernel contributors'
extensions = ['openstackdocstheme']
html_theme = 'openstackdocs'
openstackdocs_auto_name = False
openstackdocs_auto_version = False
version = release = '0.1.0'
master_doc = 'index'
exclude_patterns = []
