package rig

const sysSetns = 308 // of setns(2)
