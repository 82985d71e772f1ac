"""Checks finished datasets, ours and foreign ones: `check_folders`. Reads only; changes nothing.

finding    the pictures of a folder and the files about them
pictures   one picture, damaged or not, and its figures; pictures and scenes that are in two places
problems   damaged, missing and extra files, labels that are wrong or disagree
figures    a folder's figures, and how far those of two folders are apart
check      all of it in order
page       a page to look at the labels
"""
