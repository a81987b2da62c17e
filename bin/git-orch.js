#!/usr/bin/env node
'use strict';
/** `git orch ...` finds this name on PATH; it is the same program. */
require('./orch.js');
