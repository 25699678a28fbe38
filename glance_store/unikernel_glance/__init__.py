# SPDX-License-Identifier: Apache-2.0
"""What glance-api is taught of unikernels: building source bundles at import, and keeping images in the builder."""
