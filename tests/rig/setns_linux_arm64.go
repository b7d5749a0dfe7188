package rig

const sysSetns = 268 // of setns(2)
